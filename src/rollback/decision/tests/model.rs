//! A small world: releases come, checks pass and fail, attempts end in every way, clocks are set back. The controller in it
//! decides after every event, and does what it decides.

mod attempts;
mod promises;

use std::collections::BTreeSet;

use super::*;
use crate::{
    api::{CheckStatus, DeploymentValidationStatus, ObservedService},
    platforms::{LiveDeploy, Release},
    rollback::{
        Attempt,
        known_good::{CheckDigests, advance, soak},
    },
};

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time passes: seconds.
    Pass(i64),
    /// Somebody deploys the services of which the bit is set.
    Release(u8),
    /// The checks come to these states.
    Checks([CheckState; 3]),
    /// The open attempt ends, or goes on.
    End(End),
    /// The process begins anew, after the wall clock was set back by as many seconds.
    Restart(i64),
    /// The observation grows old, or is new again.
    Stale(bool),
    /// Many others turn bad, or are well again.
    Brake(bool),
    /// Another validation of the policy rolls back, if the budget lets it.
    Other,
    /// The status is lost.
    LoseStatus,
    /// Somebody writes a record of his own about what is live.
    Forge,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Nothing was asked of the platform.
    Untouched(RollbackState),
    /// As many steps were done, and the next one failed.
    Broken(usize),
    /// Everything is live, and the checks say this.
    Live(RollbackState),
    /// The platform was asked and carried it out, and nobody knows.
    Lost,
}

const SERVICES: [Service<'static>; 2] = [
    Service {
        name: "api",
        tier: Tier::Application,
    },
    Service {
        name: "worker",
        tier: Tier::Application,
    },
];

const CHECKS: &str = "
- {name: health, area: api, tcp: {host: example.com, port: 1}}
- {name: queue, area: worker, tcp: {host: example.com, port: 2}}
- {name: mail, area: external, tcp: {host: example.com, port: 3}}
";

/// How long a release must pass to be good.
const SOAK: Duration = Duration::from_mins(2);

/// The world, with what it remembers to hold decisions against.
pub struct World {
    policy: RollbackPolicySpec,
    digests: CheckDigests,
    /// Seconds that have really passed.
    passed: i64,
    /// When the process began, and what the wall clock said.
    started: (i64, i64),
    live: ObservedRelease,
    board: Vec<CheckStatus>,
    stale: bool,
    braked: bool,
    status: DeploymentValidationStatus,
    records: Vec<Stored>,
    forged: Vec<Stored>,
    others: Vec<Timestamp>,
    deploys: u32,
    seen_passing: BTreeSet<String>,
    failed: BTreeSet<String>,
    numbers: BTreeSet<(String, u8)>,
    /// When the platform was really asked, by anybody.
    asked: Vec<i64>,
    /// When the open attempt was really recorded, and when the last one really ended.
    recorded: i64,
    ended: i64,
    /// Every answer so far.
    pub answers: Vec<Decision>,
}

impl World {
    pub fn new(policy: &str) -> Self {
        let mut world = Self {
            policy: read(policy),
            digests: CheckDigests::of(&read::<Vec<crate::api::Check>>(CHECKS)),
            passed: 0,
            started: (0, 1_000_000),
            live: live("api=0 worker=0", "12:00"),
            board: Vec::new(),
            stale: false,
            braked: false,
            status: DeploymentValidationStatus::default(),
            records: Vec::new(),
            forged: Vec::new(),
            others: Vec::new(),
            deploys: 0,
            seen_passing: BTreeSet::new(),
            failed: BTreeSet::new(),
            numbers: BTreeSet::new(),
            asked: Vec::new(),
            recorded: 0,
            ended: -1_000_000,
            answers: Vec::new(),
        };
        world.release(0b11);
        world
    }

    /// Lets this happen, and then the controller decide.
    pub fn live_through(&mut self, event: &Event) {
        match event {
            Event::Pass(seconds) => self.passed += seconds,
            Event::Release(services) => self.release(*services),
            Event::Checks(states) => self.come_to(*states),
            Event::End(end) => self.end(*end),
            Event::Restart(back) => self.started = (self.passed, self.wall() - back),
            Event::Stale(stale) => self.stale = *stale,
            Event::Brake(braked) => self.braked = *braked,
            Event::Other => self.other(),
            Event::LoseStatus => self.status = DeploymentValidationStatus::default(),
            Event::Forge => self.forge(),
        }
        self.reconcile();
    }

    /// Lets time alone pass until nothing is waited for any more.
    pub fn wait_out(&mut self) {
        self.stale = false;
        self.braked = false;
        for _ in 0..40 {
            match self.decide(true) {
                Decision::Wait {
                    until: Some(until), ..
                } => {
                    let left = until.duration_since(self.moment().now).as_secs();
                    assert!(left > 0, "a wait that is over: {until}");
                    assert!(left <= 2 * 86_400, "a wait of {left} s");
                    self.passed += left;
                }
                _ => return,
            }
        }
        panic!("a wait that does not end: {:?}", self.decide(true));
    }

    fn wall(&self) -> i64 {
        let (began, wall) = self.started;
        wall + self.passed - began
    }

    fn moment(&self) -> Moment {
        let at = |second| Timestamp::from_second(second).unwrap();
        Moment {
            now: at(self.wall()),
            started: at(self.started.1),
        }
    }

    fn new_deploy(&mut self) -> String {
        self.deploys += 1;
        format!("dep-{}", self.deploys)
    }

    fn release(&mut self, services: u8) {
        let mut deploys: Vec<String> = Vec::new();
        for place in 0..SERVICES.len() {
            let stays = services & (1 << place) == 0;
            deploys.push(if stays {
                self.live.services[place].deploy_id.clone()
            } else {
                self.new_deploy()
            });
        }
        self.go_live(&deploys);
    }

    /// A release that is new has a board on which nothing is known.
    fn go_live(&mut self, deploys: &[String]) {
        let now = self.moment().now;
        let services: Vec<_> = SERVICES.iter().zip(deploys).collect();
        let deploy = |(service, deploy): &(&Service<'_>, &String)| LiveDeploy {
            name: service.name.to_owned(),
            service_id: None,
            deploy_id: (*deploy).clone(),
            version: None,
            live_since: Some(now),
        };
        let release = Release::of(services.iter().map(deploy).collect());
        if release.id == self.live.id {
            return;
        }
        let since = |name: &str, deploy_id: &str| {
            let mut known = self.live.services.iter();
            let known = known.find(|live| live.name == name && live.deploy_id == deploy_id);
            known.map_or(Some(now), |known| known.since)
        };
        self.live = ObservedRelease {
            id: release.id,
            services: release
                .services
                .iter()
                .map(|deploy| ObservedService {
                    name: deploy.name.clone(),
                    service_id: None,
                    deploy_id: deploy.deploy_id.clone(),
                    version: None,
                    since: since(&deploy.name, &deploy.deploy_id),
                })
                .collect(),
            since: now,
        };
        self.board.clear();
        self.come_to([CheckState::Unknown; 3]);
    }

    fn come_to(&mut self, states: [CheckState; 3]) {
        let now = self.moment().now;
        let names = [
            ("health", Area::Api),
            ("queue", Area::Worker),
            ("mail", Area::External),
        ];
        let before = std::mem::take(&mut self.board);
        for ((name, area), state) in names.into_iter().zip(states) {
            let known = before.iter().find(|check| check.name == name);
            let known = known.filter(|check| check.state == state);
            self.board.push(CheckStatus {
                name: name.to_owned(),
                area,
                stage: crate::api::Stage::Application,
                state,
                failures: 0,
                successes: 0,
                inconclusive: 0,
                reason: "Odd".to_owned(),
                message: String::new(),
                since: known.map_or(now, |check| check.since),
            });
        }
    }

    fn health(&self) -> Health {
        let any = |state| self.board.iter().any(|check| check.state == state);
        if any(CheckState::Failed) {
            Health::Failed
        } else if any(CheckState::Unknown) || any(CheckState::Skipped) {
            Health::Inconclusive
        } else {
            Health::Passing
        }
    }

    fn spent(&self) -> Vec<Timestamp> {
        let own = Past::of(
            VALIDATION,
            self.records.iter().map(Stored::record),
            &self.live,
        );
        let own = own.attempts.iter().filter_map(Attempt::spends);
        own.chain(self.others.iter().copied()).collect()
    }

    fn decide(&self, heed_forged: bool) -> Decision {
        let checks = self.digests.standing(&self.board);
        let forged = self.forged.iter().filter(|_| heed_forged);
        let records = self.records.iter().chain(forged).map(Stored::record);
        let past = Past::of(VALIDATION, records, &self.live);
        let brake = Engaged {
            until: crate::rollback::moment::after(self.moment().now, Duration::from_mins(1)),
            ..braked()
        };
        decide(&Inputs {
            suspended: false,
            policy: Some(&self.policy),
            health: &self.health(),
            stale: self.stale,
            checks: &checks,
            live: &self.live,
            services: &SERVICES,
            goods: Goods::of(&self.status),
            past: &past,
            spent: &self.spent(),
            brake: self.braked.then_some(&brake),
            frozen_until: None,
            schemas: Schemas::default(),
            refusals_since: None,
            moment: self.moment(),
        })
    }

    /// As the controller does: what is good is seen to first, then it is decided.
    fn reconcile(&mut self) {
        let checks = self.digests.standing(&self.board);
        let all_pass = checks.iter().all(CheckStanding::passes);
        if all_pass && !self.stale {
            self.seen_passing.insert(self.live.id.clone());
        }
        let records = self.records.iter().map(Stored::record);
        let past = Past::of(VALIDATION, records, &self.live);
        let progress = soak(&checks, self.stale, SOAK, self.moment());
        let now = self.moment().now;
        advance(
            &mut self.status,
            &self.live,
            &checks,
            None,
            progress,
            &past.quarantine,
            now,
        );
        let decision = self.decide(true);
        assert_eq!(decision, self.decide(false), "a forged record was heard");
        if let Decision::RollBack(proposal) = &decision {
            self.hold_against_the_promises(proposal);
            self.record(proposal);
        }
        self.answers.push(decision);
    }
}
