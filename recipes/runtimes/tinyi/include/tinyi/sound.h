/* Features of sound: entries for the table of custom operators. */
#ifndef TINYI_SOUND_H
#define TINYI_SOUND_H

#include "tinyi/context.h"

/* The tables of SignalRfft: one for each length, and one of length 0 behind them. */
struct tinyi_turns {
  int32_t length;
  const int16_t *turns, *half_turns;
};

void tinyi_signal_window(struct tinyi_context *context);
void tinyi_signal_auto_scale(struct tinyi_context *context);
void tinyi_signal_rfft(struct tinyi_context *context); /* tables: struct tinyi_turns */
void tinyi_signal_energy(struct tinyi_context *context);
void tinyi_signal_filter_bank(struct tinyi_context *context);
void tinyi_signal_square_root(struct tinyi_context *context);
void tinyi_signal_subtraction(struct tinyi_context *context);
void tinyi_signal_gain(struct tinyi_context *context);
void tinyi_signal_logarithm(struct tinyi_context *context); /* tables: corrections of struct tinynn_signal_logarithm */
void tinyi_signal_framer(struct tinyi_context *context);
void tinyi_signal_stacker(struct tinyi_context *context);
void tinyi_signal_delay(struct tinyi_context *context);
void tinyi_signal_overlap(struct tinyi_context *context);

/* What they keep. */
uint32_t tinyi_kept_noise(struct tinyi_context *context);
uint32_t tinyi_kept_framer(struct tinyi_context *context);
uint32_t tinyi_kept_stacker(struct tinyi_context *context);
uint32_t tinyi_kept_delay(struct tinyi_context *context);
uint32_t tinyi_kept_overlap(struct tinyi_context *context);

#endif
