from resnet_edu.nets.basic_block import BasicBlock


def formula(channels):
    return 18 * channels**2 + 4 * channels


def added_up(channels):
    kernels = channels * channels * 3 * 3
    norm = 2 * channels
    return sum([kernels, norm, kernels, norm])


def counted(channels):
    return sum(p.numel() for p in BasicBlock(channels).parameters())
