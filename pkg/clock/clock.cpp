#include "clock/clock.h"
