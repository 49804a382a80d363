-- What a run tells is stored while it works: how many of an attempt's events were stored so, and
-- how long they are. The rest goes with its turn, as before.
alter table attempts add column told integer not null default 0;
--> statement-breakpoint
alter table attempts add column told_bytes bigint not null default 0;
--> statement-breakpoint
-- Stores what a live attempt has told. `from` is how many went before: said again because no answer
-- came, it is stored once. Answers `lost` for an attempt that has ended, and `full` when the run has
-- told as much as is kept of one: 16 MiB. Locks the attempt alone, which whoever ends it must write.
create function tell_live(p jsonb) returns text language plpgsql as $$
declare v_run uuid := (p ->> 'run')::uuid; v_attempt integer := (p ->> 'attempt')::integer;
  v_from integer := (p ->> 'from')::integer; v_max constant bigint := 16777216;
  v_told integer; v_before bigint; v_bytes bigint;
begin
  select a.told into v_told from attempts a
  where a.run_id = v_run and a.number = v_attempt and a.ended_at is null for update;
  if not found then return 'lost'; end if;
  select sum(a.told_bytes) into v_before from attempts a where a.run_id = v_run;
  with given as (
    select e, n, octet_length(e::text) as bytes,
      v_before + sum(octet_length(e::text)) over (order by n) as upto
    from jsonb_array_elements(p -> 'events') with ordinality g (e, n) where v_from + n > v_told
  ), stored as (
    insert into run_events (run_id, attempt, event)
    select v_run, v_attempt, case when upto <= v_max then e
      else jsonb_build_object('kind', 'cut', 'bytes', v_max) end
    from given where upto - bytes <= v_max order by n
  )
  select coalesce(sum(bytes), 0) into v_bytes from given;
  update attempts a set told_bytes = a.told_bytes + v_bytes,
    told = greatest(v_told, v_from + jsonb_array_length(p -> 'events'))
  where a.run_id = v_run and a.number = v_attempt;
  return case when v_before + v_bytes > v_max then 'full' else 'told' end;
end $$;
