
	case_initw"GivenTensorFill*
shape0000*X
values-ýˆd¾-}8Ð?-qÀŠ¿-ìÌ¹½-6þ¿-‘>?-ÔF³?-*ä¿-Kß¢¿-Ù)¿-À°Ò¿-õÔ?-¬·Ì>-ã)E>-b¶?-RÞ³?