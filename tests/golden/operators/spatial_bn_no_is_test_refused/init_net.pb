
	case_init>w0"GivenTensorFill*	
shape0*
values-2–<?-OË¾-.¶®?-4ƒ#¿>w1"GivenTensorFill*	
shape0*
values-i’C¿-yÂ?-„‰ƒ¿-êI•¿>w2"GivenTensorFill*	
shape0*
values-È´³>-%ò¦?-òÄ¿-/û¾>w3"GivenTensorFill*	
shape0*
values-F¡H?-Ö~>-­Ô˜>-+Ïý?