def running_sum(matrices, x):
    """This is the running sum"""
    terms = [x]
    for w in matrices:
        terms.append(w @ sum(terms))
    return terms


def one_branch(matrices, x):
    """Paths through two branches are missing"""
    return [x] + [w @ x for w in matrices]


def no_shortcuts(matrices, x):
    """The path that takes only shortcuts is missing"""
    terms = [x]
    for w in matrices:
        terms = terms + [w @ term for term in terms]
    return terms[1:]


def backwards(matrices, x):
    """The matrices are in the wrong order"""
    terms = [x]
    for w in reversed(matrices):
        terms = terms + [w @ term for term in terms]
    return terms


def total(matrices, x):
    """You give the sum"""
    for w in matrices:
        x = x + w @ x
    return x


def wrong_shape(matrices, x):
    """`x = x @ w.view(9, 1)`"""
    for w in matrices:
        x = x @ w.view(9, 1)
    return [x]
