"""How a run that was begun goes on: as it was begun, but for what the caller says must differ."""

from __future__ import annotations

from dataclasses import replace

from resnet_edu import training
from resnet_edu.runs import ComputeConfig, ComputeRequest, Run
from resnet_edu.training import devices
from resnet_edu.training.distributed import SingleProcess


def device_for(run: Run, request: ComputeRequest, processes: SingleProcess) -> str:
    """The device that a new run is requested for, or that a run was begun on, unless `request` overrides it.

    A run that was begun on cuda:1 goes on on another CUDA device where there is only one. Raises
    `DeviceError`, with the command that helps, where this machine has no such device.
    """
    begun = run.compute
    own = begun.device if begun and "device" not in request.overrides else None
    try:
        return processes.local_device(devices.resolve_device(own or request.device))
    except training.DeviceError as error:
        if own and (kind := _kind(own)) in devices.available_devices():
            return processes.local_device(kind)
        helps = f"; it goes on here with: resnet-edu resume {run.name} --device cpu" if own else ""
        raise training.DeviceError(f"{run.name}: {error}{helps}") from None


def continued(begun: ComputeConfig, request: ComputeRequest, device: str) -> ComputeConfig:
    """How a run that was begun as `begun` says goes on on `device`, with what `request.overrides` names.

    On another kind of device the net keeps its precision; what only the old one could do is dropped.
    """
    compute = replace(begun, device=device)
    if _kind(device) != _kind(begun.device):
        facts = {name: devices.provenance(device)[name] for name in ("device_name", "cores", "system")}
        compute = replace(compute.updated(facts), compiled=False, captured=None, captured_because=None)
        compute = replace(compute, compiled_because=f"it was begun on {begun.device}")
    if "threads" in request.overrides:
        compute = replace(compute, threads=request.threads[0])
    if "compile" in request.overrides:
        compute = replace(compute, compiled=request.compile, compiled_because="told so")
    if "grad_checkpointing" in request.overrides or begun.grad_checkpointing is None:
        compute = replace(compute, grad_checkpointing=request.grad_checkpointing)
    recording = begun.recording or request.recording
    if "every_step" in request.overrides:
        recording = replace(recording, every_step=request.recording.every_step)
    if "keep_weights" in request.overrides:
        recording = replace(recording, keep_weights=request.recording.keep_weights)
    return replace(compute, recording=recording)


def _kind(device: str) -> str:
    return device.split(":")[0]
