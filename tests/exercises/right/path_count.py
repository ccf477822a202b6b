def power(residual):
    return 2 ** sum(residual)


def loop(residual):
    paths = 1
    for has_shortcut in residual:
        paths *= 2 if has_shortcut else 1
    return paths


def walked(residual):
    if not residual:
        return 1
    rest = walked(residual[1:])
    return rest + rest if residual[0] else rest
