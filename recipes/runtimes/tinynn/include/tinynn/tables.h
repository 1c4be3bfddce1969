/* Tables of functions of int16, which the kernels interpolate: src/ref/tables_int16.c. */
#ifndef TINYNN_TABLES_H
#define TINYNN_TABLES_H

#include <stdint.h>

extern const uint16_t tinynn_sigmoids[256];    /* 1 / (1 + exp(-i / 24)), Q0.16 */
extern const int16_t tinynn_exponentials[513]; /* exp(x), x from -10 to 0, Q0.15 */
extern const int16_t tinynn_reciprocals[513];  /* 1 / (1 + x), x from 0 to 1, Q0.15 */

#endif
