from resnet_edu.nets.basic_block import BasicBlock


def no_norms(channels):
    """You left out the norms"""
    return 2 * 9 * channels * channels


def one_number_each(channels):
    """*two* numbers"""
    return 2 * (9 * channels * channels + channels)


def with_buffers(channels):
    """running averages"""
    state = BasicBlock(channels).state_dict()
    return sum(value.numel() for name, value in state.items() if "batches" not in name)


def one_layer(channels):
    """You count one of the two layers"""
    return 9 * channels**2 + 2 * channels


def three(channels):
    """A 3×3 kernel has 9"""
    return 2 * (3 * channels**2 + 2 * channels)


def one_input(channels):
    """for *every* input channel"""
    return 2 * (9 * channels + 2 * channels)


def biases(channels):
    """You gave the convolutions a bias"""
    return 2 * (9 * channels**2 + channels + 2 * channels)


def weighted_shortcut(channels):
    """You gave the shortcut weights"""
    return 2 * (9 * channels**2 + 2 * channels) + channels**2
