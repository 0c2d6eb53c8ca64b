
	case_init5w0"GivenTensorInt64Fill*	
shape0*
values000