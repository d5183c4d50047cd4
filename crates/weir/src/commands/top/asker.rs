//! What is asked next, and what is being asked? One question at a time: each answer is shown as it comes.

use super::model::{Question, Trouble};
use crate::client::{Client, Failure};
use serde_json::Value;
use std::{collections::VecDeque, future, pin::Pin, time::Duration};
use tokio::time::timeout;

/// Time in which an answer must have come; the head says so then.
const ANSWER: Duration = Duration::from_secs(5);

/// Answer, or why there is none.
type Answer = Result<Value, Trouble>;

/// Answer that is to come.
type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Asker of one weir.
pub(super) struct Asker<'a> {
    client: &'a Client,
    waiting: VecDeque<Question>,
    current: Option<(Question, Answering<'a>)>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client, waiting: VecDeque::new(), current: None }
    }

    /// Whether every answer has come.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// Asks all of these, and nothing else any more. What is being asked goes on if it is among them.
    pub(super) fn ask(&mut self, questions: Vec<Question>) {
        self.current.take_if(|(question, _)| !questions.contains(question));
        self.waiting = questions.into();
        if let Some((current, _)) = &self.current {
            self.waiting.retain(|question| question != current);
        }
    }

    /// Asks for what is on the screen now, but not for the node again: after a key.
    pub(super) fn ask_at_once(&mut self, questions: Vec<Question>) {
        let had_node = self.waiting.iter().any(Question::is_of_node);
        self.ask(questions);
        if !had_node {
            self.waiting.retain(|question| !question.is_of_node());
        }
    }

    /// Waits for the next answer; for ever if nothing is asked. Where nobody answers, the rest is not asked.
    pub(super) async fn next(&mut self) -> (Question, Answer) {
        if self.current.is_none() {
            let Some(question) = self.waiting.pop_front() else { return future::pending().await };
            let (client, query) = (self.client, question.query.clone());
            let answer = async move {
                match timeout(ANSWER, client.get(&query)).await {
                    Ok(answer) => answer.map_err(|failure| trouble(&failure)),
                    Err(_) => Err(Trouble::Gone(format!("weir has not answered for {}s", ANSWER.as_secs()))),
                }
            };
            self.current = Some((question, Box::pin(answer)));
        }
        let Some((_, answer)) = &mut self.current else { return future::pending().await };
        let answer = answer.await;
        let Some((question, _)) = self.current.take() else { return future::pending().await };
        if matches!(answer, Err(Trouble::Gone(_))) {
            self.waiting.clear();
        }
        (question, answer)
    }
}

fn trouble(failure: &Failure) -> Trouble {
    let text = failure.to_string();
    if failure.is_too_many() {
        Trouble::TooMany(text)
    } else if failure.is_wrong_usage() {
        Trouble::Refused(text)
    } else {
        Trouble::Gone(text)
    }
}
