
	case_init>w0"GivenTensorFill*	
shape0*
values-2–<?-OË¾-.¶®?-4ƒ#¿>w1"GivenTensorFill*	
shape0*
values-i’C¿-yÂ?-„‰ƒ¿-êI•¿