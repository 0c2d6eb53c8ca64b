
	case_init3w0"GivenTensorInt64Fill*	
shape0*
values00