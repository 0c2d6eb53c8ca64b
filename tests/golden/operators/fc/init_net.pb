
	case_initw0"GivenTensorFill*
shape00*l
values-Î-¿-e2Â¾-$™>-$µÑ<-Ùƒ>-8¸Ž>-4Œ¿?-c¿Ó¿-pKx?-.¤?-}@Y?-ìx¸¾-ÖÊâ?-o'ð¿-ó›?-ßþÐ>-ñê¿-}Ÿ+¿-1Lù¾-cÝ¥¿>w1"GivenTensorFill*	
shape0*
values-òµ­¿-×ÿ¿-‘¿-T#¿