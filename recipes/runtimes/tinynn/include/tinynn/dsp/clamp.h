/* Clamp outputs further than to their type: what an activation leaves that SSAT doesn't do. */
#ifndef TINYNN_DSP_CLAMP_H
#define TINYNN_DSP_CLAMP_H

#include <stdint.h>

void tinynn_clamp_dsp(int8_t *values, int32_t count, int32_t lowest, int32_t highest);

/* The same of int16 outputs, where the activation is narrower than their type. */
void tinynn_clamp_int16_dsp(int16_t *values, int32_t count, int32_t lowest, int32_t highest);

#endif
