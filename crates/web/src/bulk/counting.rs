//! Counting: which files an export has. A type at a time, each in its turn of the searches, so that no export keeps others
//! waiting.

use super::job::{Job, Part, State};
use super::question;
use crate::answer::log_fault;
use crate::server::Shared;
use base::refusal::{Kind, Refusal};
use std::sync::Arc;
use vault::Error;
use vault::access::Visit;
use vault::search::export::Whose;

/// Finds out which files a job has, unless somebody does already.
pub async fn count(shared: Arc<Shared>, job: Arc<Job>, visit: Visit) {
    let Some(_busy) = job.take_over() else { return };
    if !matches!(job.state(), State::Counting(..)) {
        return;
    }
    let found = match counted(&shared, &job, &visit).await {
        // The machine is busy: the job stays as it is, and goes on when its status is asked for the next time.
        Err(Error::Refusal(refusal)) if is_passing(&refusal) => return,
        // What was open at the kick-off is so no more: the export is empty, and says why.
        Err(Error::Refusal(refusal)) => shared.bulk.keep_found(&job, Vec::new(), vec![refusal.to_string()]),
        found => found,
    };
    if let Err(error) = found {
        if let Error::Fault(fault) = &error {
            log_fault(fault, "counting a bulk export");
        }
        job.set(State::Broken);
    }
}

async fn counted(shared: &Arc<Shared>, job: &Arc<Job>, visit: &Visit) -> Result<(), Error> {
    let _place = shared.bulk.turns.turn().await?;
    let (asked, wanted, visitor) = (shared.clone(), job.clone(), visit.clone());
    let (types, whose) = searching(shared, move || {
        let types = question::types_of(&asked, &visitor, &wanted.wanted)?;
        Ok((types, question::whose(&asked, &visitor, &wanted.wanted, (wanted.at, wanted.moment))?))
    })
    .await?;
    let whose = Arc::new(whose);
    let (mut parts, mut notes) = (Vec::new(), job.wanted.ignored.clone());
    for (done, name) in types.iter().enumerate() {
        if job.is_ended() {
            return Ok(());
        }
        job.set(State::Counting(done, types.len()));
        match of_type(shared, job, visit, name, &whose).await {
            Ok(found) => parts.extend(found),
            Err(Error::Refusal(refusal)) if is_passing(&refusal) => return Err(refusal.into()),
            // One type that costs too much does not take the others with it.
            Err(Error::Refusal(refusal)) => notes.push(format!("{name} was left out: {refusal}")),
            Err(error) => return Err(error),
        }
    }
    shared.bulk.keep_found(job, parts, notes)
}

/// Whether the same would be answered in a moment: nothing may be left out of an export because the server was busy.
fn is_passing(refusal: &Refusal) -> bool {
    refusal.kind == Kind::Unavailable
}

async fn of_type(
    shared: &Arc<Shared>,
    job: &Arc<Job>,
    visit: &Visit,
    name: &str,
    whose: &Arc<Whose>,
) -> Result<Vec<Part>, Error> {
    let (asked, job, visit, name, whose) = (shared.clone(), job.clone(), visit.clone(), name.to_owned(), whose.clone());
    let most = shared.settings.export_lines_max.max(1);
    searching(shared, move || {
        let positions = question::lines(&asked, &visit, &job, &name, &whose)?;
        Ok(parts(&name, &positions, most))
    })
    .await
}

async fn searching<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let turn = shared.searches.turn().await?;
    let _room = shared.memory.for_search(0).await?;
    turn.run(work).await
}

/// The files of a type: so many lines each, at most.
fn parts(resource_type: &str, positions: &[u32], most: usize) -> Vec<Part> {
    let part = |(index, lines): (usize, &[u32])| Part {
        name: format!("{resource_type}-{}", index + 1),
        resource_type: resource_type.to_owned(),
        from: lines.first().copied().unwrap_or_default(),
        to: lines.last().map_or(0, |last| last + 1),
        count: lines.len() as u64,
    };
    positions.chunks(most).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_cut_into_files() {
        let found = parts("Observation", &[2, 3, 5, 8, 13], 2);
        let told: Vec<_> = found.iter().map(|part| (part.name.as_str(), part.from, part.to, part.count)).collect();
        assert_eq!(told, [("Observation-1", 2, 4, 2), ("Observation-2", 5, 9, 2), ("Observation-3", 13, 14, 1)]);
        assert!(parts("Patient", &[], 2).is_empty());
    }
}
