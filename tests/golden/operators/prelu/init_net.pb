
	case_init>w0"GivenTensorFill*	
shape0*
values-ÒD¶?-#s?-â¡Ã¿-¿ó¿