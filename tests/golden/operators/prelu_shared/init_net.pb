
	case_init/w0"GivenTensorFill*	
shape0*
values-+3>