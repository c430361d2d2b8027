# What `musiq score` needs on Dataflow, from nothing but a project with billing:
#   terraform init && terraform apply -var project=my-project -var bucket=my-bucket -var photos_bucket=my-photos
# It makes services, bucket, repository, subnet, two accounts and their least roles.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0"
    }
  }
}

variable "project" {
  description = "The project's ID."
  type        = string
}

variable "region" {
  description = "Where workers, bucket and image are: the region of the photos."
  type        = string
  default     = "europe-west4"
}

variable "photos_bucket" {
  description = "The bucket of the photos, which exists already and is read only."
  type        = string
}

variable "bucket" {
  description = "A new bucket for ledger, models, templates and temporary files."
  type        = string
}

variable "launchers" {
  description = "Who starts jobs by hand, such as user:me@example.com."
  type        = set(string)
  default     = []
}

variable "kms_key" {
  description = "A key of the region that their service agents may use; null for Google's."
  type        = string
  default     = null
}

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  worker    = "serviceAccount:${google_service_account.workers.email}"
  scheduler = "serviceAccount:${google_service_account.scheduler.email}"
  starters  = merge({ scheduler = local.scheduler }, { for who in var.launchers : who => who })
}

resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "dataflow.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.key
  disable_on_destroy = false
}

resource "google_artifact_registry_repository" "musiq" {
  repository_id = "musiq"
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = var.kms_key
  depends_on    = [google_project_service.needed]
}

resource "google_storage_bucket" "musiq" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # The journal and old states, deleted every night, would be paid for a week longer.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

resource "google_compute_network" "musiq" {
  name                    = "musiq"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

# Without public addresses, workers reach buckets and registry by this access alone.
resource "google_compute_subnetwork" "musiq" {
  name                     = "musiq"
  network                  = google_compute_network.musiq.id
  region                   = var.region
  ip_cidr_range            = "10.90.0.0/20"
  private_ip_google_access = true
}

resource "google_compute_firewall" "workers" {
  name        = "musiq-dataflow-workers"
  network     = google_compute_network.musiq.id
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]
  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

resource "google_service_account" "workers" {
  account_id = "musiq-workers"
}

resource "google_service_account" "scheduler" {
  account_id = "musiq-scheduler"
}

resource "google_project_iam_member" "workers_work" {
  project = var.project
  role    = "roles/dataflow.worker"
  member  = local.worker
}

resource "google_artifact_registry_repository_iam_member" "workers_pull" {
  repository = google_artifact_registry_repository.musiq.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = local.worker
}

resource "google_storage_bucket_iam_member" "workers_read_photos" {
  bucket = var.photos_bucket
  role   = "roles/storage.objectViewer"
  member = local.worker
}

resource "google_storage_bucket_iam_member" "workers_write" {
  bucket = google_storage_bucket.musiq.name
  role   = "roles/storage.objectUser"
  member = local.worker
}

resource "google_project_iam_member" "starters_start" {
  for_each = local.starters
  project  = var.project
  role     = "roles/dataflow.developer"
  member   = each.value
}

resource "google_service_account_iam_member" "starters_hand_over" {
  for_each           = local.starters
  service_account_id = google_service_account.workers.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

resource "google_storage_bucket_iam_member" "launchers_stage" {
  for_each = var.launchers
  bucket   = google_storage_bucket.musiq.name
  role     = "roles/storage.objectUser"
  member   = each.value
}

output "repository" {
  description = "What REPOSITORY is in the runbook."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.musiq.name}"
}

output "subnetwork" {
  description = "What --subnetwork is."
  value       = "regions/${var.region}/subnetworks/${google_compute_subnetwork.musiq.name}"
}

output "workers" {
  description = "What --service_account_email is."
  value       = google_service_account.workers.email
}
