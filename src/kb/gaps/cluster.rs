//! Which gap a question belongs to. Groups that exist keep their members; what fits none of them is grouped by
//! average-linkage agglomeration, which is deterministic and does not chain.

use rayon::prelude::*;

use super::{Meaning, TOGETHER, likeness};

/// Most questions that are grouped at once; the caller takes the newest.
pub const MAX_AT_ONCE: usize = 2_000;

/// Members of an existing gap that a question is compared with.
const COMPARED: usize = 20;

/// Where a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Into the existing gap of this position.
    Joins(usize),
    /// Into a new gap; questions with the same number are together.
    New(usize),
}

/// Places `questions`: into the existing group whose members are on average most alike, if alike enough, else into new
/// groups. Never more than [`MAX_AT_ONCE`] questions at once; the rest can be placed by another call.
pub fn place(existing: &[Vec<Meaning>], questions: &[Meaning]) -> Vec<Placement> {
    place_at(TOGETHER, existing, questions)
}

/// As [`place`] with another threshold, for measuring.
pub fn place_at(threshold: f32, existing: &[Vec<Meaning>], questions: &[Meaning]) -> Vec<Placement> {
    let questions = &questions[..questions.len().min(MAX_AT_ONCE)];
    let joined: Vec<Option<usize>> =
        questions.par_iter().map(|question| closest(threshold, existing, question)).collect();
    let left: Vec<usize> = (0..questions.len()).filter(|&i| joined[i].is_none()).collect();
    let groups = agglomerate(threshold, &left.iter().map(|&i| &questions[i]).collect::<Vec<_>>());
    let mut fresh = groups.into_iter();
    let placed = joined.into_iter().map(|joined| match joined {
        Some(group) => Placement::Joins(group),
        None => Placement::New(fresh.next().expect("one group for every question left")),
    });
    placed.collect()
}

fn closest(threshold: f32, existing: &[Vec<Meaning>], question: &Meaning) -> Option<usize> {
    let average = |members: &Vec<Meaning>| {
        let compared = members.len().min(COMPARED);
        members[..compared].iter().map(|member| likeness(member, question)).sum::<f32>()
            / compared.max(1) as f32
    };
    let scored = existing.iter().enumerate().map(|(i, members)| (i, average(members)));
    let best = scored.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    (best.1 >= threshold).then_some(best.0)
}

/// Average linkage: merges the two closest groups while they are alike enough; the group number of each question, counted
/// by first appearance. Time and memory are quadratic up to the merges.
fn agglomerate(threshold: f32, questions: &[&Meaning]) -> Vec<usize> {
    let count = questions.len();
    let mut alike: Vec<Vec<f32>> = (0..count)
        .into_par_iter()
        .map(|i| {
            (0..count).map(|j| if i == j { 0.0 } else { likeness(questions[i], questions[j]) }).collect()
        })
        .collect();
    let mut size = vec![1usize; count];
    let mut group: Vec<usize> = (0..count).collect();
    let mut best: Vec<(f32, usize)> = alike.iter().map(|row| top(row)).collect();
    while let Some(a) =
        (0..count).filter(|&i| size[i] > 0).max_by(|&a, &b| best[a].0.total_cmp(&best[b].0).then(b.cmp(&a)))
        && best[a].0 >= threshold
    {
        let b = best[a].1;
        let (keep, gone) = (a.min(b), a.max(b));
        let (kept, lost) = (size[keep] as f32, size[gone] as f32);
        let merged: Vec<f32> = alike[keep]
            .iter()
            .zip(&alike[gone])
            .map(|(to_kept, to_lost)| (to_kept * kept + to_lost * lost) / (kept + lost))
            .collect();
        for (row, value) in alike.iter_mut().zip(&merged) {
            row[keep] = *value;
            row[gone] = 0.0;
        }
        alike[keep] = merged;
        alike[keep][gone] = 0.0;
        alike[gone].fill(0.0);
        alike[keep][keep] = 0.0;
        size[keep] += size[gone];
        size[gone] = 0;
        for owner in &mut group {
            if *owner == gone {
                *owner = keep;
            }
        }
        best[gone] = (0.0, gone);
        for i in (0..count).filter(|&i| size[i] > 0) {
            if i == keep || best[i].1 == keep || best[i].1 == gone {
                best[i] = top(&alike[i]);
            } else if alike[i][keep] > best[i].0 {
                best[i] = (alike[i][keep], keep);
            }
        }
    }
    numbered(&group)
}

/// The largest value of a row and where it is; the first on a tie.
fn top(row: &[f32]) -> (f32, usize) {
    row.iter().enumerate().fold((0.0, 0), |best, (i, &value)| if value > best.0 { (value, i) } else { best })
}

fn numbered(group: &[usize]) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    group
        .iter()
        .map(|owner| {
            seen.iter().position(|known| known == owner).unwrap_or_else(|| {
                seen.push(*owner);
                seen.len() - 1
            })
        })
        .collect()
}
