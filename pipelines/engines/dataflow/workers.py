"""What Dataflow's workers are, for jobs that compute on CPUs and on GPUs."""

import dataclasses

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    WorkerOptions,
)

from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkerProfile:
    """A pool of workers; each of Beam's own options wins over it.

    Attributes:
      machine_type: Of a worker.
      disk_size_gb: Of a worker: the image, unpacked, and some room.
      disk_type: Of a worker; None leaves it to Dataflow.
      max_workers: Most that autoscaling may start. A bucket serves about 5000 reads a
        second at first, and a job must not cost more than somebody has decided.
      is_one_process: Whether a worker has one Python process, and so one copy of the
        model, instead of one for each core.
      accelerator: Dataflow's description of a worker's accelerator. It belongs to the
        pool: as a hint of a step it would start a second container in every worker.
    """

    machine_type: str
    disk_size_gb: int
    max_workers: int
    is_one_process: bool
    disk_type: str | None = None
    accelerator: str | None = None


# One single-threaded process a core, which does 1.8 times the work of one process with
# two threads. Each holds the model (0.1 GB) and has a decoder: 4 GB a core will do.
_CPU = WorkerProfile(
    machine_type="n2-standard-8",
    disk_size_gb=50,
    max_workers=20,
    is_one_process=False,
)
# One process, so one model and one owner of the accelerator's memory; it is fed by
# decoders in child processes, one a core. G2 machines take no standard disks, which are
# Dataflow's own choice; the service fills in project and zone.
_GPU = WorkerProfile(
    machine_type="g2-standard-8",
    disk_size_gb=100,
    disk_type="compute.googleapis.com/projects//zones//diskTypes/pd-balanced",
    max_workers=5,
    is_one_process=True,
    accelerator="type:nvidia-l4;count:1;install-nvidia-driver",
)
_ACCELERATOR = "worker_accelerator="
_MANY_PROCESSES = "use_multiple_sdk_containers"


def profile_for(device: str) -> WorkerProfile:
    """Return the workers for a device.

    Raises:
      UsageError: If Dataflow has no workers with it.
    """
    if device == "tpu":
        raise UsageError(
            "--device tpu: Dataflow has no profile for it here; use cpu or gpu"
        )
    return _GPU if device == "gpu" else _CPU


def apply_profile(options: PipelineOptions, profile: WorkerProfile) -> None:
    """Fill in what the options do not say of the workers.

    A process runs one bundle at a time: two in one would share its cores, hold twice
    the images in memory, and fill no batch better.

    Raises:
      UsageError: If the options contradict each other, or the profile.
    """
    worker = options.view_as(WorkerOptions)
    worker.machine_type = worker.machine_type or profile.machine_type
    worker.disk_size_gb = worker.disk_size_gb or profile.disk_size_gb
    worker.disk_type = worker.disk_type or profile.disk_type
    worker.max_num_workers = worker.max_num_workers or max(
        profile.max_workers, worker.num_workers or 0
    )
    if (worker.num_workers or 0) > worker.max_num_workers:
        raise UsageError(
            f"--num_workers {worker.num_workers} is more than --max_num_workers "
            f"{worker.max_num_workers}"
        )
    debug = options.view_as(DebugOptions)
    debug.number_of_worker_harness_threads = debug.number_of_worker_harness_threads or 1
    said = debug.experiments or []
    if profile.is_one_process and _MANY_PROCESSES not in said:
        debug.add_experiment(f"no_{_MANY_PROCESSES}")
    google = options.view_as(GoogleCloudOptions)
    if profile.accelerator and google.flexrs_goal == "COST_OPTIMIZED":
        raise UsageError(
            "--flexrs_goal COST_OPTIMIZED: FlexRS has no workers with accelerators; "
            "use it with --device cpu, or leave it out"
        )
    services = list(google.dataflow_service_options or [])
    if profile.accelerator and not any(s.startswith(_ACCELERATOR) for s in services):
        services.append(_ACCELERATOR + profile.accelerator)
    google.dataflow_service_options = services or None
