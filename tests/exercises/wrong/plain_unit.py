import sys
from pathlib import Path

from torch import relu

sys.path.insert(0, str(Path(__file__).parent))
from residual_unit import Unit

sys.path.pop(0)


class Residual(Unit):
    """this is the residual unit"""

    def forward(self, x):
        return relu(self.F(x) + x)


class NoRelu(Unit):
    """The last ReLU is missing"""

    def forward(self, x):
        return self.F(x)


class Unused(Unit):
    """The layers are not used"""

    def forward(self, x):
        self.F(x)
        return relu(x)


class NoReluInside(Unit):
    """no ReLU between the two convolutions"""

    def forward(self, x):
        return relu(self.norm2(self.conv2(self.norm1(self.conv1(x)))))


class OneConvolutionTwice(Unit):
    """The same convolution is used twice"""

    def forward(self, x):
        for norm in (self.norm1, self.norm2):
            x = relu(norm(self.conv1(x)))
        return x
