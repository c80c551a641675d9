// Package statemachine holds the state machine of batch jobs, as it is deployed:
// job.asl.json. AWS Step Functions, `make run` (package asl) and moto carry out
// the same file.
//
//	Begin ─► Ingest ⟲ ─► Plan ⟲ ─► Drain ─► Collect ⟲ ─► Finish ─► Keep ─► Forget
//	                                 └► Close ─┘             Abandon ─┘
//
// An execution is named after its job and starts with {"job": id}. Two functions
// do the work, by the step in their input; every step bears to be repeated, and
// every field named here is in every answer:
//
//	planner    ingest   cursor          cursor, next: ingest, plan, collect, fail
//	           plan     cursor          cursor, next: plan, drain, collect, fail; seconds until the job's deadline, at least 1
//	collector  drain    token           anything; whoever finishes the last shard ends the task by its token
//	           close                    anything
//	           collect  cursor          cursor, next: collect, finish
//	           finish                   seconds until the results are to be forgotten
//	           abandon  error, cause    as finish
//	           forget                   anything
//
// A cursor is "" at first. next is fail when the job carries its error already.
// Drain has no heartbeat: the shards of a job may wait for hours behind others of
// the same account without anything being wrong. What ends a job whose shards are
// lost is its deadline.
//
// A step that fails is tried again for half an hour or so, unless its error is
// MalformedError (package trigger); then the job is abandoned, or, while it
// drains, closed with what there is. Abandon is tried for some days: a job whose
// execution died before would run for ever in the eyes of its owner. When even it,
// or Forget, cannot be done the execution fails, which is watched; files and items
// then end by their own expiry.
package statemachine

import _ "embed"

// Job is the definition. ${PlannerArn} and ${CollectorArn} in it stand for the
// functions (DefinitionSubstitutions).
//
//go:embed job.asl.json
var Job []byte
