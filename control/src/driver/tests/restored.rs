//! Until when is a restored state in force, and what is saved meanwhile?

use super::*;
use std::time::SystemTime;

const SAVED: SystemTime = SystemTime::UNIX_EPOCH;

/// A driver that has got Services 1 and 2 from disk.
async fn restored() -> Rig {
    let mut rig = Rig::start();
    let mut events: Vec<Event> = Kind::ALL.map(Event::Begin).into();
    events.extend([put(1), put(2), put_slice(1, [10, 0, 0, 1])]);
    events.extend(Kind::ALL.map(Event::Complete));
    let restored = disk::SavedState { events, saved: SAVED, file: "/state".into() };
    rig.inputs.send(Input::Saved(restored)).await.unwrap();
    rig.published().await;
    rig
}

impl Rig {
    async fn list(&self, kind: Kind, objects: &[Event]) {
        self.send(Event::Begin(kind)).await;
        for object in objects {
            self.send(object.clone()).await;
        }
        self.send(Event::Complete(kind)).await;
    }

    /// Waits until all that was sent is committed.
    async fn settle(&mut self) {
        tokio::time::sleep(INTERVAL * 2).await;
    }

    fn saved_services(&self) -> usize {
        self.states.borrow().services().count()
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_saved_is_served_before_the_api_server_answers_and_not_saved_again() {
    let rig = restored().await;
    assert_eq!(rig.services(), 2);
    let status = rig.status.borrow().clone();
    assert_eq!((status.ready, status.restored), (true, Some(SAVED)));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!rig.states.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_meanwhile_goes_when_its_list_is_complete_and_not_before() {
    let mut rig = restored().await;
    rig.send(Event::Begin(Kind::Service)).await;
    rig.send(put(2)).await;
    rig.settle().await;
    assert_eq!(rig.services(), 2);
    rig.send(Event::Complete(Kind::Service)).await;
    rig.settle().await;
    assert_eq!(rig.services(), 1);
    assert_eq!(rig.status.borrow().restored, Some(SAVED), "endpoints are still those from disk");
    assert!(!rig.states.has_changed().unwrap(), "half a list is not saved");
    rig.list(Kind::EndpointSlice, &[]).await;
    rig.settle().await;
    assert_eq!(rig.status.borrow().restored, None);
    assert_eq!(rig.saved_services(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_begins_again_before_it_is_complete_ends_nothing() {
    let mut rig = restored().await;
    for _ in 0..3 {
        rig.send(Event::Begin(Kind::EndpointSlice)).await;
        rig.list(Kind::Service, &[put(1), put(2)]).await;
        rig.settle().await;
    }
    assert_eq!(rig.status.borrow().restored, Some(SAVED));
}

#[tokio::test(start_paused = true)]
async fn slices_that_take_the_place_of_restored_ones_are_no_changes_to_be_measured() {
    let mut rig = restored().await;
    rig.list(Kind::Service, &[put(1), put(2)]).await;
    rig.list(Kind::EndpointSlice, &[put_slice(1, [10, 0, 0, 9])]).await;
    rig.settle().await;
    assert!(rig.changes.try_recv().is_err());
    rig.send(put_slice(1, [10, 0, 0, 8])).await;
    assert_eq!(rig.changes.recv().await.unwrap().changes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_change_of_an_object_is_saved_even_if_nothing_serves_it_and_what_a_list_repeats_is_not() {
    let mut rig = Rig::ready().await;
    rig.states.borrow_and_update();
    rig.send(put_slice(1, [10, 0, 0, 1])).await;
    rig.settle().await;
    assert!(!rig.snapshots.has_changed().unwrap(), "there is no such Service");
    assert_eq!(rig.states.borrow_and_update().slices().count(), 1);
    rig.send(put(1)).await;
    rig.settle().await;
    assert_eq!(rig.saved_services(), 1);
    rig.states.borrow_and_update();
    rig.list(Kind::Service, &[put(1)]).await;
    rig.list(Kind::EndpointSlice, &[put_slice(1, [10, 0, 0, 1])]).await;
    rig.settle().await;
    assert!(!rig.states.has_changed().unwrap());
}
