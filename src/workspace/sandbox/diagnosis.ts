/** What is known when bubblewrap did not do its work. */
export interface Symptoms {
  platform: string;
  /** Where it is; null: not on the search path. */
  bubblewrap: string | null;
  /** What it said. */
  said: string;
  isRoot: boolean;
  inContainer: boolean;
  /** The kernel's switches, `1` or `0`; null where it has none. */
  apparmorRestricts: string | null;
  usersMayUnshare: string | null;
  namespacesMax: string | null;
}

/** Why there is no sandbox, and what a person does about it. */
export interface Diagnosis {
  why: string;
  fix: string;
}

const INSTALL =
  'install bubblewrap 0.8 or newer: `apt-get install bubblewrap` (Debian, Ubuntu), ' +
  '`dnf install bubblewrap` (Fedora), `apk add bubblewrap` (Alpine)';
const OPT_OUT = 'or run agents unsandboxed, which is a choice for the whole installation';

const APPARMOR =
  'allow it to /usr/bin/bwrap: write `abi <abi/4.0>, include <tunables/global> profile bwrap ' +
  '/usr/bin/bwrap flags=(unconfined) { userns, }` to /etc/apparmor.d/bwrap and run ' +
  '`apparmor_parser -r /etc/apparmor.d/bwrap` (or, for all programs, ' +
  '`sysctl kernel.apparmor_restrict_unprivileged_userns=0`)';
const DOCKER =
  'start the container with `security_opt: [seccomp=unconfined, apparmor=unconfined, ' +
  'systempaths=unconfined]`';

/** Puts a name to what is wrong. */
export function diagnose(symptoms: Symptoms): Diagnosis {
  const { platform, bubblewrap, said } = symptoms;
  if (platform !== 'linux') {
    const why = `bubblewrap runs on Linux, and this is ${platform}`;
    return { why, fix: `run the worker on Linux or in a container, ${OPT_OUT}` };
  }
  if (bubblewrap === null) return { why: 'bubblewrap is not installed', fix: INSTALL };
  const line = said.trim().split('\n').at(-1) || 'it said nothing';
  if (/unknown option/i.test(said)) {
    return { why: `${bubblewrap} is too old (${line})`, fix: INSTALL };
  }
  const missing = /execvp (\w+): No such file/.exec(said)?.[1];
  if (missing !== undefined) {
    return { why: `the sandbox needs the program ${missing}`, fix: 'install util-linux' };
  }
  const why = `${bubblewrap} may not make a sandbox here (${line})`;
  return { why, fix: `${obstacle(symptoms)}, ${OPT_OUT}` };
}

function obstacle(symptoms: Symptoms): string {
  if (symptoms.inContainer) return DOCKER;
  if (symptoms.namespacesMax === '0') return 'run `sysctl user.max_user_namespaces=15000`';
  if (symptoms.isRoot) return 'run the worker where mounting and user namespaces are allowed';
  if (symptoms.usersMayUnshare === '0') return 'run `sysctl kernel.unprivileged_userns_clone=1`';
  if (symptoms.apparmorRestricts === '1') return APPARMOR;
  return 'allow user namespaces to the user that the worker runs as';
}
