# The metrics and alerts of ../alerts, from the same files that the runbook's lines give to gcloud.

variable "alert_email" {
  description = "Who is told when a night went wrong; null makes metrics but no alerts."
  type        = string
  default     = null
}

variable "ledger" {
  description = "Name of the ledger's folder in the bucket, whose newest state is watched."
  type        = string
  default     = "ledger"
}

locals {
  alerts   = "${path.module}/../alerts"
  metrics  = { for name in fileset(local.alerts, "metric_*.json") : trimsuffix(trimprefix(name, "metric_"), ".json") => jsondecode(file("${local.alerts}/${name}")) }
  policies = { for name in fileset(local.alerts, "policy_*.json") : trimsuffix(trimprefix(name, "policy_"), ".json") => jsondecode(replace(file("${local.alerts}/${name}"), "gs://my-bucket/ledger", "gs://${var.bucket}/${var.ledger}")) }
}

resource "google_logging_metric" "musiq" {
  for_each         = local.metrics
  name             = "musiq_${each.key}"
  description      = each.value.description
  filter           = each.value.filter
  value_extractor  = try(each.value.valueExtractor, null)
  label_extractors = each.value.labelExtractors
  depends_on       = [google_project_service.needed]

  metric_descriptor {
    metric_kind = each.value.metricDescriptor.metricKind
    value_type  = each.value.metricDescriptor.valueType
    unit        = each.value.metricDescriptor.unit

    dynamic "labels" {
      for_each = each.value.metricDescriptor.labels
      content {
        key         = labels.value.key
        value_type  = labels.value.valueType
        description = labels.value.description
      }
    }
  }

  dynamic "bucket_options" {
    for_each = try([each.value.bucketOptions.exponentialBuckets], [])
    content {
      exponential_buckets {
        num_finite_buckets = bucket_options.value.numFiniteBuckets
        growth_factor      = bucket_options.value.growthFactor
        scale              = bucket_options.value.scale
      }
    }
  }
}

resource "google_monitoring_notification_channel" "mail" {
  for_each     = toset(var.alert_email[*])
  display_name = "musiq"
  type         = "email"
  labels       = { email_address = each.key }
}

resource "google_monitoring_alert_policy" "musiq" {
  for_each              = var.alert_email == null ? {} : local.policies
  display_name          = each.value.displayName
  combiner              = each.value.combiner
  notification_channels = [for mail in google_monitoring_notification_channel.mail : mail.id]
  depends_on            = [google_logging_metric.musiq]

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName

      dynamic "condition_threshold" {
        for_each = try([conditions.value.conditionThreshold], [])
        content {
          filter          = condition_threshold.value.filter
          comparison      = condition_threshold.value.comparison
          threshold_value = condition_threshold.value.thresholdValue
          duration        = condition_threshold.value.duration

          dynamic "aggregations" {
            for_each = condition_threshold.value.aggregations
            content {
              alignment_period   = aggregations.value.alignmentPeriod
              per_series_aligner = aggregations.value.perSeriesAligner
            }
          }

          trigger {
            count = condition_threshold.value.trigger.count
          }
        }
      }

      dynamic "condition_prometheus_query_language" {
        for_each = try([conditions.value.conditionPrometheusQueryLanguage], [])
        content {
          query               = condition_prometheus_query_language.value.query
          duration            = condition_prometheus_query_language.value.duration
          evaluation_interval = condition_prometheus_query_language.value.evaluationInterval
        }
      }
    }
  }

  documentation {
    content   = each.value.documentation.content
    mime_type = each.value.documentation.mimeType
  }

  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose
  }
}
