
	case_init<w0"GivenTensorInt64Fill*	
shape0*
values00ÿÿÿÿÿÿÿÿÿ