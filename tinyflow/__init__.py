"""tinyflow: deploy and compare neural networks on microcontrollers, with every artifact cached by content."""

__version__ = "0.1.0"
