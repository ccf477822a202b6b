"""An exercise: planted cases, what is right, and what known mistakes compute. A check compares behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from resnet_edu.exercises.calling import call, copied, result_of
from resnet_edu.exercises.comparing import difference, same
from resnet_edu.exercises.diagnosis import Diagnosis, Ended, wrong

Answer = Callable[..., Any]
Cases = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Exercise:
    """How an answer is judged.

    cases     draws the planted arguments: {what they are, in words: arguments}
    right     what is to be computed from them
    mistakes  {what to say: what this mistake computes}, the most useful first
    praise    what to say of a right answer: what it shows, in one sentence
    errors    {pattern: sentence} for exceptions that have a better explanation here than their own text
    ask       makes an answer of what the learner wrote; by default it is one
    """

    cases: Callable[[], Cases]
    right: Answer
    mistakes: Mapping[str, Answer]
    praise: str
    errors: Mapping[str, str] = field(default_factory=dict)
    ask: Callable[[Any], Answer] | None = None

    def check(self, written: Any) -> Diagnosis:
        """The one most useful message about what the learner wrote."""
        try:
            return self._compared(written)
        except Ended as ended:
            return ended.diagnosis

    def _compared(self, written: Any) -> Diagnosis:
        if written is None or written is ...:
            return Diagnosis("not attempted", "Fill in the gap, and run the check again.")
        if not callable(written):
            kind = type(written).__name__
            raise wrong(
                f"The check wants what you wrote itself, without brackets behind it, and got a {kind}."
            )
        cases = self.cases()
        answers = {words: self._answer(written, arguments) for words, arguments in cases.items()}
        right = answers_to(self.right, cases)
        if all_same(answers, right):
            return Diagnosis("right", self.praise)
        for message, mistake in self.mistakes.items():
            if all_same(answers, answers_to(mistake, cases)):
                raise wrong(message)
        words = next(words for words in cases if not same(answers[words], right[words]))
        raise wrong(f"Not yet. For {words}: {difference(answers[words], right[words])}.")

    def _answer(self, written: Any, arguments: tuple[Any, ...]) -> Any:
        if self.ask is not None:
            return call(self.ask(written), *arguments, errors=self.errors)[0]
        answer, copies = call(written, *arguments, errors=self.errors)
        answer = result_of(answer, written)
        for before, after in zip(arguments, copies, strict=True):
            _check_unchanged(before, after)
        return answer


def answers_to(answer: Answer, cases: Cases) -> dict[str, Any]:
    return {words: answer(*copied(arguments)) for words, arguments in cases.items()}


def all_same(answers: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    return all(same(answers[words], others[words]) for words in answers)


def _check_unchanged(before: Any, after: Any) -> None:
    """A question must not change what it is asked about. Gradients and a net's mode may change."""
    if isinstance(before, nn.Module):
        if hooks_on(after):
            raise wrong(
                "Your hooks are still on the net: keep what `register_…_hook` returns, and `remove()` it."
            )
        if not same(dict(before.named_parameters()), dict(after.named_parameters())):
            raise wrong("The net's weights are no longer what they were: only look at it, or work on a copy.")
    elif isinstance(before, Tensor | list | dict) and not same(before, after):
        raise wrong("Your function changes its argument in place. Make a new one instead.")


def hooks_on(net: nn.Module) -> int:
    """How many hooks are on the net's modules and weights."""
    on_modules = sum(
        len(hooks)
        for module in net.modules()
        for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    )
    return on_modules + sum(len(weight._backward_hooks or ()) for weight in net.parameters())
