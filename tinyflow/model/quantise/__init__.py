"""Float networks to int8 after training: ranges of all values by samples, a scale for each, and what that costs.

Weights are symmetric with a scale for each output channel, biases int32, activations asymmetric per tensor, as TFLite's
quantisation specification has it. Nothing is trained.
"""
