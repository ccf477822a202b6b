"""See why residual networks work: train plain and residual twins and measure every layer."""

__version__ = "0.1.0"
