
	case_init”w0"GivenTensorFill*
shape0000*l
values-..1¿-Z|ù?-Þ£9¿-°¼“?-c½?-îß¾-”o~¾-N¿-a=É¿-¤P¬½-~m„¿-ê®x¿-Þj¡¿-É½œ¿-® ?-wº¾-úïy¿-F+º>-·ŒÕ>-óa?Cw1"GivenTensorFill*	
shape0*!
values-N‘½?-—LZ¿-V?Ó>-óŽ?-«B]?