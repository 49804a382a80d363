-- How people's repositories are prepared and checked, and how their checks ended before any work.

alter type landing_mode add value 'pull-request';
--> statement-breakpoint
alter table repositories add column recipe jsonb not null default
  '{"setup": null, "installScripts": false, "checks": [], "folder": "", "copies": []}';
--> statement-breakpoint
create table baselines (
  repository_id uuid not null references repositories (id),
  "commit" text not null,
  setup_digest text not null,
  -- As the checks ended, with the digest of each output in place of the output.
  checks jsonb not null,
  "by" text not null,
  door text not null,
  at timestamp with time zone not null default clock_timestamp(),
  primary key (repository_id, "commit", setup_digest)
);
--> statement-breakpoint
-- Keeps how the checks ended on a commit. Under a recipe that is no longer in force it proves nothing.
create function store_baseline(p jsonb) returns jsonb language plpgsql as $$
declare v_digests text[]; v_name text; v_checks jsonb;
begin
  select store_texts(array_agg(c.one ->> 'output' order by c.n)) into v_digests
  from jsonb_array_elements(p -> 'checks') with ordinality c (one, n);
  select name into v_name from repositories
  where id = (p ->> 'repository')::uuid and recipe = p -> 'recipe' for share;
  if not found then return jsonb_build_object('kind', 'outdated'); end if;
  select coalesce(jsonb_agg(
      (c.one - 'output') || jsonb_build_object('outputSha', v_digests[c.n]) order by c.n), '[]')
  into v_checks from jsonb_array_elements(p -> 'checks') with ordinality c (one, n);
  insert into baselines as b (repository_id, "commit", setup_digest, checks, "by", door)
  values ((p ->> 'repository')::uuid, p ->> 'commit', p ->> 'setupDigest', v_checks,
    p ->> 'by', p ->> 'door')
  on conflict (repository_id, "commit", setup_digest) do update
  set checks = excluded.checks, "by" = excluded."by", door = excluded.door, at = clock_timestamp();
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'repository.baseline', v_name,
    jsonb_build_object('commit', p ->> 'commit', 'setupDigest', p ->> 'setupDigest', 'red', (
      select coalesce(jsonb_agg(c ->> 'command'), '[]') from jsonb_array_elements(v_checks) c
      where (c ->> 'exitCode')::integer is distinct from 0)));
  return jsonb_build_object('kind', 'stored');
end $$;
--> statement-breakpoint
create function baseline_json(b baselines) returns jsonb language sql stable as $$
  select jsonb_build_object('commit', b."commit", 'setupDigest', b.setup_digest, 'by', b."by",
    'at', b.at, 'checks', (
      select coalesce(jsonb_agg((c.one - 'outputSha') || jsonb_build_object('output',
        stored_text(c.one ->> 'outputSha')) order by c.n), '[]')
      from jsonb_array_elements(b.checks) with ordinality c (one, n)))
$$;
--> statement-breakpoint
create or replace function add_repository(p jsonb) returns jsonb language plpgsql as $$
declare v_recipe jsonb;
begin
  insert into repositories (id, name, location, target, landing, provenance, added_by)
  values ((p ->> 'id')::uuid, p ->> 'name', p ->> 'location', p ->> 'target',
    (p ->> 'landing')::landing_mode, (p ->> 'provenance')::provenance, p ->> 'by')
  on conflict (name) do nothing;
  if not found then return jsonb_build_object('kind', 'exists'); end if;
  update repositories set recipe = recipe || coalesce(p -> 'recipe', '{}')
  where id = (p ->> 'id')::uuid returning recipe into v_recipe;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'repository.add', p ->> 'name',
    p - 'by' - 'door' - 'baseline' || jsonb_build_object('recipe', v_recipe));
  if jsonb_typeof(p -> 'baseline') = 'object' then
    perform store_baseline(p -> 'baseline' || jsonb_build_object('repository', p -> 'id',
      'recipe', v_recipe, 'by', p -> 'by', 'door', p -> 'door'));
  end if;
  return jsonb_build_object('kind', 'added');
end $$;
--> statement-breakpoint
-- Changes what is given of a repository and nothing else, so that two changes never undo each other.
-- What was found of its checks was found under the recipe before.
create function set_repository(p jsonb) returns jsonb language plpgsql as $$
declare v_before repositories; v_after repositories;
begin
  select * into v_before from repositories where name = p ->> 'name' for no key update;
  if not found then return jsonb_build_object('kind', 'unknown'); end if;
  update repositories set recipe = recipe || coalesce(p -> 'recipe', '{}'),
    landing = coalesce((p ->> 'landing')::landing_mode, landing),
    target = coalesce(p ->> 'target', target)
  where id = v_before.id returning * into v_after;
  if v_after is not distinct from v_before then return jsonb_build_object('kind', 'same'); end if;
  if v_after.recipe <> v_before.recipe then
    delete from baselines where repository_id = v_before.id;
  end if;
  insert into audit (principal, door, action, subject, detail)
  values (p ->> 'by', p ->> 'door', 'repository.set', p ->> 'name', jsonb_build_object(
    'why', p ->> 'why',
    'before', jsonb_build_object('recipe', v_before.recipe, 'landing', v_before.landing,
      'target', v_before.target),
    'after', jsonb_build_object('recipe', v_after.recipe, 'landing', v_after.landing,
      'target', v_after.target)));
  return jsonb_build_object('kind', 'set');
end $$;
--> statement-breakpoint
create or replace function brief_repository(p repositories) returns jsonb language sql stable as $$
  select jsonb_build_object('id', p.id, 'name', p.name, 'location', p.location, 'target', p.target,
    'recipe', p.recipe)
$$;
