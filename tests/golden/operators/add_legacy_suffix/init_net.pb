
	case_init