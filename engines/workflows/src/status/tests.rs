use super::{InstanceStatus, StepStatus};

#[test]
fn statuses_have_maestros_names_and_order() {
    assert_eq!(StepStatus::ALL.len(), 22);
    for (status, terminal, complete, retryable) in [
        (StepStatus::NotCreated, false, false, false),
        (StepStatus::Paused, false, false, false),
        (StepStatus::Finishing, false, false, false),
        (StepStatus::Disabled, true, true, false),
        (StepStatus::Unsatisfied, true, true, false),
        (StepStatus::CompletedWithError, true, true, false),
        (StepStatus::UserFailed, true, false, true),
        (StepStatus::PlatformFailed, true, false, true),
        (StepStatus::FatallyFailed, true, false, false),
        (StepStatus::Stopped, true, false, false),
        (StepStatus::TimeoutFailed, true, false, true),
        (StepStatus::TimedOut, true, false, false),
    ] {
        assert_eq!(status.is_terminal(), terminal, "{status}");
        assert_eq!(status.is_complete(), complete, "{status}");
        assert_eq!(status.is_retryable(), retryable, "{status}");
        assert_eq!(StepStatus::named(&status.word().to_lowercase()), Some(status));
    }
    assert_eq!(StepStatus::WaitingForPermits.to_string(), "WAITING_FOR_PERMITS");
    assert!(InstanceStatus::Stopped.is_terminal() && !InstanceStatus::Paused.is_terminal());
    let json = serde_json::to_string(&InstanceStatus::InProgress).unwrap();
    assert_eq!(json, "\"IN_PROGRESS\"");
    assert_eq!(serde_json::from_str::<InstanceStatus>(&json).unwrap(), InstanceStatus::InProgress);
}
