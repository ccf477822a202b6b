from torch.nn.functional import cosine_similarity


def whole_batch(here, there):
    """the whole batch at once"""
    return cosine_similarity(here.flatten(), there.flatten(), dim=0)


def product(here, there):
    """without dividing by both lengths"""
    return (here * there).flatten(1).sum(1).mean()


def pixels(here, there):
    """There is a cosine for each pixel"""
    return cosine_similarity(here, there, dim=1).mean()


def no_mean(here, there):
    """now take their mean"""
    return cosine_similarity(here.flatten(1), there.flatten(1))


def absolute(here, there):
    """opposite advice is no agreement"""
    return cosine_similarity(here.flatten(1), there.flatten(1)).abs().mean()
