
	case_init>w0"GivenTensorFill*	
shape0*
values-ŽiÜ?-ÖÇK=-·ŸY?-®½<