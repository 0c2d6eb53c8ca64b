
	case_initw0"GivenTensorFill*
shape00*l
values-f×f¾-EŒ>-úòÐ?-¦{¿-ôÒµ>-úA¿-gCƒ?-}^0>-cˆ˜¿-;ïƒ=-@„¿-Žžæ¿-/Æ¿-'ü ¿-»ø¿-'•‹?-õv›?-+tõ¿-œlÖ=-4P‹¾