//! Waves of objects, under hard edges and soft classes.

/// What is to be scheduled. Objects are indices into all of the slices.
pub(super) struct Problem<'a> {
    /// The objects that must come in an earlier wave; duplicates are allowed.
    pub before: &'a [Vec<usize>],
    /// The class of each object, below `classes`.
    pub class: &'a [usize],
    /// How many classes there are.
    pub classes: usize,
    /// The classes, all of them smaller, that a class comes after unless a
    /// hard edge demands otherwise.
    pub after: &'a dyn Fn(usize) -> Vec<usize>,
}

/// What came of it.
pub(super) struct Schedule {
    /// Each object that could be placed, once; in no order within a wave.
    pub waves: Vec<Vec<usize>>,
    /// The objects on a cycle of hard edges, and those behind one.
    pub stuck: Vec<usize>,
}

/// Schedules each object as early as its edges let it: greedy, so that the
/// waves are as few as can be. The time is linear in objects and edges, but
/// for each wave in which a hard edge breaks the order of classes.
pub(super) fn schedule(problem: &Problem<'_>) -> Schedule {
    let count = problem.class.len();
    let mut behind = vec![Vec::new(); count];
    let mut missing = vec![0_usize; count];
    for (object, before) in problem.before.iter().enumerate() {
        missing[object] = before.len();
        for first in before {
            behind[*first].push(object);
        }
    }
    let mut open = vec![0_usize; problem.classes];
    let mut ready = vec![Vec::new(); problem.classes];
    for object in 0..count {
        open[problem.class[object]] += 1;
        if missing[object] == 0 {
            ready[problem.class[object]].push(object);
        }
    }
    let after: Vec<Vec<usize>> = (0..problem.classes).map(problem.after).collect();

    let mut placed = vec![false; count];
    let mut waves = Vec::new();
    loop {
        let mut wave: Vec<usize> = Vec::new();
        for class in 0..problem.classes {
            if after[class].iter().all(|earlier| open[*earlier] == 0) {
                wave.append(&mut ready[class]);
            }
        }
        if wave.is_empty() {
            wave = unblock(problem, &mut ready, &open, &placed);
        }
        if wave.is_empty() {
            break;
        }
        for object in &wave {
            placed[*object] = true;
            open[problem.class[*object]] -= 1;
            for next in &behind[*object] {
                missing[*next] -= 1;
                if missing[*next] == 0 {
                    ready[problem.class[*next]].push(*next);
                }
            }
        }
        waves.push(wave);
    }
    Schedule {
        waves,
        stuck: (0..count).filter(|object| !placed[*object]).collect(),
    }
}

/// Where every object that could go has to let an earlier class go first, and
/// that class has to wait by a hard edge: of the objects that could go, those
/// that the first such class waits for. The soft edges to them are dropped, no
/// others.
fn unblock(
    problem: &Problem<'_>,
    ready: &mut [Vec<usize>],
    open: &[usize],
    placed: &[bool],
) -> Vec<usize> {
    let Some(waiting) = open.iter().position(|open| *open > 0) else {
        return Vec::new();
    };
    let mut needed = vec![false; placed.len()];
    let mut todo: Vec<usize> = (0..placed.len())
        .filter(|object| !placed[*object] && problem.class[*object] == waiting)
        .collect();
    while let Some(object) = todo.pop() {
        if !std::mem::replace(&mut needed[object], true) {
            todo.extend(
                problem.before[object]
                    .iter()
                    .filter(|first| !placed[**first]),
            );
        }
    }
    for bucket in ready {
        let (wave, rest): (Vec<usize>, Vec<usize>) =
            bucket.iter().partition(|object| needed[**object]);
        if !wave.is_empty() {
            *bucket = rest;
            return wave;
        }
    }
    Vec::new()
}
