/* Clamp int8 outputs further than [-128, 127]: what an activation leaves that SSAT doesn't do. */
#ifndef TINYNN_DSP_CLAMP_H
#define TINYNN_DSP_CLAMP_H

#include <stdint.h>

void tinynn_clamp_dsp(int8_t *values, int32_t count, int32_t lowest, int32_t highest);

#endif
