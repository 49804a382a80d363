CREATE TYPE "public"."agent_type" AS ENUM('LEAD', 'SPC', 'INT');--> statement-breakpoint
CREATE TYPE "public"."backend" AS ENUM('scripted', 'command', 'anthropic');--> statement-breakpoint
CREATE TYPE "public"."block_reason" AS ENUM('revision-cap', 'landing-cap', 'execution-failed', 'review-failed', 'setup-failed', 'landing-failed', 'sensitive-change', 'budget-spent', 'question');--> statement-breakpoint
CREATE TYPE "public"."landing_mode" AS ENUM('branch', 'merge');--> statement-breakpoint
CREATE TYPE "public"."priority" AS ENUM('LOW', 'NORMAL', 'HIGH', 'URGENT');--> statement-breakpoint
CREATE TYPE "public"."provenance" AS ENUM('person', 'demo', 'test');--> statement-breakpoint
CREATE TYPE "public"."run_kind" AS ENUM('EXECUTION', 'REVIEW');--> statement-breakpoint
CREATE TYPE "public"."run_state" AS ENUM('QUEUED', 'ADMITTED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED');--> statement-breakpoint
CREATE TYPE "public"."task_status" AS ENUM('INBOX', 'ASSIGNED', 'IN_PROGRESS', 'REVIEW', 'LANDING', 'BLOCKED', 'DONE', 'REJECTED', 'CANCELLED');--> statement-breakpoint
CREATE TYPE "public"."verdict_kind" AS ENUM('APPROVED', 'REVISION', 'SPAWN', 'REVISION+SPAWN');--> statement-breakpoint
CREATE TABLE "agents" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"type" "agent_type" NOT NULL,
	"backend" "backend" DEFAULT 'scripted' NOT NULL,
	"model" text,
	"instructions" text DEFAULT '' NOT NULL,
	"reviews" boolean DEFAULT false NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"connected_at" timestamp with time zone,
	"paused_reason" text,
	"paused_at" timestamp with time zone,
	"token_estimate" integer DEFAULT 20000 NOT NULL,
	"time_limit_seconds" integer DEFAULT 3600 NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"run_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"worker" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"ended_at" timestamp with time zone,
	"end" text,
	"checkpoint" jsonb,
	CONSTRAINT "attempts_run_id_number_pk" PRIMARY KEY("run_id","number")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"principal" text NOT NULL,
	"door" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"detail" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "contents" (
	"sha256" text PRIMARY KEY NOT NULL,
	"body" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "decisions" (
	"task_id" uuid NOT NULL,
	"question" text NOT NULL,
	"decision" text NOT NULL,
	"by" text NOT NULL,
	"door" text NOT NULL,
	"reason" text NOT NULL,
	"policy_version" integer,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "decisions_task_id_question_pk" PRIMARY KEY("task_id","question")
);
--> statement-breakpoint
CREATE TABLE "deliverables" (
	"task_id" uuid NOT NULL,
	"path" text NOT NULL,
	"mode" text NOT NULL,
	"sha256" text NOT NULL,
	CONSTRAINT "deliverables_task_id_path_pk" PRIMARY KEY("task_id","path")
);
--> statement-breakpoint
CREATE TABLE "guidance" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"message_id" text NOT NULL,
	"by" text NOT NULL,
	"text" text NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "guidance_message" UNIQUE("task_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"squad_paused" boolean DEFAULT false NOT NULL,
	"squad_paused_by" text,
	"squad_paused_at" timestamp with time zone,
	"temporal_cluster" text,
	"temporal_namespace" text,
	CONSTRAINT "installation_is_one_row" CHECK ("installation"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "landings" (
	"task_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"kind" text NOT NULL,
	"detail" jsonb NOT NULL,
	"outcome" text NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "landings_task_id_number_pk" PRIMARY KEY("task_id","number")
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"task_id" uuid NOT NULL,
	"message_id" text NOT NULL,
	"answer" jsonb NOT NULL,
	CONSTRAINT "messages_task_id_message_id_pk" PRIMARY KEY("task_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"enabled" boolean NOT NULL,
	"value" jsonb NOT NULL,
	"by" text NOT NULL,
	"door" text NOT NULL,
	"why" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "policies_name_version_pk" PRIMARY KEY("name","version")
);
--> statement-breakpoint
CREATE TABLE "repositories" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"location" text NOT NULL,
	"target" text NOT NULL,
	"landing" "landing_mode" DEFAULT 'branch' NOT NULL,
	"provenance" "provenance" DEFAULT 'person' NOT NULL,
	"added_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "repositories_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "run_events" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"event" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"task_id" uuid NOT NULL,
	"kind" "run_kind" NOT NULL,
	"number" integer NOT NULL,
	"cycle" integer NOT NULL,
	"seat" integer DEFAULT 0 NOT NULL,
	"agent_id" text,
	"by_person" text,
	"state" "run_state" NOT NULL,
	"priority" "priority" NOT NULL,
	"place" bigserial NOT NULL,
	"hold" "block_reason",
	"question" text,
	"answers" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"available_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"queued_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"admitted_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"waited_ms" integer DEFAULT 0 NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"day" date,
	"charged" boolean DEFAULT false NOT NULL,
	"estimate" integer DEFAULT 0 NOT NULL,
	"work_tokens" integer DEFAULT 0 NOT NULL,
	"cache_read_tokens" integer DEFAULT 0 NOT NULL,
	"cause" text,
	"fault" text,
	"error" text,
	"summary" text,
	"verdict" jsonb,
	"verdict_kind" "verdict_kind",
	"nonce" text,
	"report_sha" text,
	"diff_sha" text,
	"commands_sha" text,
	"instructions_sha" text,
	"bytes_produced" integer,
	"bytes_handed_over" integer,
	"output_commit" text,
	"reviewed_run_id" uuid,
	"reviewed_commit" text,
	"spawned" jsonb,
	"outcome" text,
	"superseded" boolean DEFAULT false NOT NULL,
	"rehearsed" boolean DEFAULT false NOT NULL,
	CONSTRAINT "runs_number" UNIQUE("task_id","kind","number")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"number" integer NOT NULL,
	"workflow_id" text NOT NULL,
	"first_execution_run_id" text,
	"title" text NOT NULL,
	"description" text NOT NULL,
	"acceptance" jsonb NOT NULL,
	"priority" "priority" NOT NULL,
	"assignee" text NOT NULL,
	"reviewers" text[] NOT NULL,
	"repository_id" uuid,
	"owner" text NOT NULL,
	"door" text NOT NULL,
	"source" text,
	"key" text,
	"parent_id" uuid,
	"root_id" uuid NOT NULL,
	"depth" integer DEFAULT 0 NOT NULL,
	"origin_run_id" uuid,
	"origin_index" integer,
	"status" "task_status" NOT NULL,
	"blocked" "block_reason",
	"blocked_step" text,
	"blocked_detail" text,
	"paused" boolean DEFAULT false NOT NULL,
	"admission" jsonb,
	"admission_policy_version" integer,
	"cycles" integer DEFAULT 0 NOT NULL,
	"landing_cycles" integer DEFAULT 0 NOT NULL,
	"granted_cycles" integer DEFAULT 0 NOT NULL,
	"granted_landings" integer DEFAULT 0 NOT NULL,
	"base_commit" text,
	"landed_from" text,
	"landed_commit" text,
	"landed_ref" text,
	"landing_withheld" text,
	"rehearsed" boolean DEFAULT false NOT NULL,
	"ended_by" text,
	"ended_reason" text,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"status_since" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"ended_at" timestamp with time zone,
	"cleaned_at" timestamp with time zone,
	CONSTRAINT "tasks_number_unique" UNIQUE("number"),
	CONSTRAINT "tasks_workflow_id_unique" UNIQUE("workflow_id"),
	CONSTRAINT "tasks_source_key" UNIQUE("source","key"),
	CONSTRAINT "tasks_origin" UNIQUE("origin_run_id","origin_index")
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_assignee_agents_id_fk" FOREIGN KEY ("assignee") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_repository_id_repositories_id_fk" FOREIGN KEY ("repository_id") REFERENCES "public"."repositories"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_subject" ON "audit" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "run_events_run" ON "run_events" USING btree ("run_id","id");--> statement-breakpoint
CREATE INDEX "runs_queue" ON "runs" USING btree ("agent_id","priority" DESC NULLS LAST,"place") WHERE "runs"."state" = 'QUEUED';--> statement-breakpoint
CREATE INDEX "runs_slots" ON "runs" USING btree ("agent_id") WHERE "runs"."state" in ('ADMITTED', 'RUNNING');--> statement-breakpoint
CREATE INDEX "runs_day" ON "runs" USING btree ("day","agent_id");--> statement-breakpoint
CREATE INDEX "runs_latest" ON "runs" USING btree ("agent_id","ended_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "tasks_root" ON "tasks" USING btree ("root_id");--> statement-breakpoint
CREATE INDEX "tasks_open" ON "tasks" USING btree ("status") WHERE "tasks"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "tasks_unclean" ON "tasks" USING btree ("ended_at") WHERE "tasks"."ended_at" is not null and "tasks"."cleaned_at" is null;