//! The embedded store on a disk that fails: every fault ends with all acknowledged events present,
//! or with a refusal that names the place.

mod corrupt;
mod crash;
mod state;
mod turn;
mod world;
