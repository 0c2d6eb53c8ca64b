
	case_initw0"GivenTensorFill*
shape00*l
values-aE‡¿-Z0‘¾-—ÁĞ¿-„¦½>-â½?-/3¼?-Ñµ1¿-åÇ¿-ù<Ï¾-1š»>-¦Ò¿-Ç‘?-«üÍ?-Û+ß¾-ËŞ«½-Øˆ?-Šlã>-T•y?-B—á<-eÄ?>w1"GivenTensorFill*	
shape0*
values-‰lÎ?-FYİ¿-Yà0?-íéà½