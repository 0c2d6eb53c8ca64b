
	case_init1w0"GivenTensorIntFill*	
shape0*
values00