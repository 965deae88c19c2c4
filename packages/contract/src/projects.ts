import { z } from 'zod';
import { Digest, Instant, Name } from './names.ts';
import { routes } from './route.ts';

/** One declared thing of a project folder: what `slipway.yaml` and the files that it names come down to. */
export const ResourceDeclaration = z.object({
  kind: Name,
  name: Name,
  spec: z.json(),
});
export type ResourceDeclaration = z.infer<typeof ResourceDeclaration>;

export const BundleFile = z.object({
  /** Relative, forward slashes, no `..`. */
  path: z.string().min(1).max(500),
  digest: Digest,
  sizeBytes: z.int().min(0),
});
export type BundleFile = z.infer<typeof BundleFile>;

/** Where the declared files came from. */
export const SourceCommit = z.object({
  commit: z.string().regex(/^[0-9a-f]{7,64}$/),
  /** True when the folder had changes that the commit does not have. */
  dirty: z.boolean(),
  branch: z.string().max(300).optional(),
});
export type SourceCommit = z.infer<typeof SourceCommit>;

/** A simulation that nobody renews is taken out of use after this time at the latest. */
export const simulationKeepMsMax = 30 * 86_400_000;

/** What a project imitates. Its events say so, which policies overlook, and it ends when nobody applies it again in time. */
export const ProjectSimulation = z.strictObject({
  /** The endpoint that is imitated. */
  of: Name,
  /** From this apply on; the next one counts from anew. */
  keepMs: z.int().min(1000).max(simulationKeepMsMax),
});
export type ProjectSimulation = z.infer<typeof ProjectSimulation>;

export const ProjectManifest = z.object({
  resources: z.array(ResourceDeclaration).max(2000),
  bundle: z.array(BundleFile).max(5000),
  source: SourceCommit.optional(),
  /** Apply only when the project still stands at this apply number (0: it was never applied). */
  expectedApply: z.int().min(0).optional(),
  simulation: ProjectSimulation.optional(),
});
export type ProjectManifest = z.infer<typeof ProjectManifest>;

export const ResourceDiff = z.object({
  kind: z.string(),
  name: z.string(),
  action: z.enum(['create', 'update', 'delete', 'none']),
  /** Changed paths with old and new value, at most 50. */
  changes: z.array(z.object({ path: z.string(), before: z.json().optional(), after: z.json().optional() })),
});
export type ResourceDiff = z.infer<typeof ResourceDiff>;

export const ProjectPlan = z.object({
  project: z.string(),
  diffs: z.array(ResourceDiff),
  bundleDigest: Digest,
  /** The apply that the server stands at; 0 when the project was never applied. */
  serverApply: z.int().min(0),
  /** Where that apply came from. */
  serverSource: SourceCommit.optional(),
  /** The files differ from those of that apply. */
  codeChanged: z.boolean(),
  /** Objects of the bundle that the server does not have yet. */
  missingObjects: z.array(Digest),
});
export type ProjectPlan = z.infer<typeof ProjectPlan>;

export const Project = z.object({
  name: z.string(),
  appliedAt: Instant,
  appliedBy: z.string(),
  applyNumber: z.int(),
  bundleDigest: Digest,
  source: SourceCommit.optional(),
  /** Of the endpoint `of`, and taken out of use then. */
  simulation: z.object({ of: Name, expiresAt: Instant }).optional(),
  resources: z.array(z.object({ kind: z.string(), name: z.string(), digest: Digest })),
});
export type Project = z.infer<typeof Project>;

const params = z.object({ project: Name });

export const projectsRoutes = routes({
  'projects.list': {
    method: 'GET',
    path: '/api/projects',
    permission: 'projects.read',
    summary: 'The applied projects',
    response: z.object({ items: z.array(Project) }),
  },
  'projects.get': {
    method: 'GET',
    path: '/api/projects/{project}',
    permission: 'projects.read',
    summary: 'One project: what it owns and which commit it came from',
    params,
    response: Project,
  },
  'projects.manifest': {
    method: 'GET',
    path: '/api/projects/{project}/manifest',
    permission: 'projects.read',
    summary: 'What was applied: every declaration and the files of the bundle, as an apply takes them',
    params,
    response: ProjectManifest.omit({ expectedApply: true, simulation: true }),
  },
  'projects.plan': {
    method: 'POST',
    path: '/api/projects/{project}/plan',
    permission: 'projects.read',
    summary: 'What applying these files would change',
    params,
    body: ProjectManifest,
    bodyLimitBytes: 16 * 1024 * 1024,
    response: ProjectPlan,
  },
  'projects.apply': {
    method: 'POST',
    path: '/api/projects/{project}/apply',
    permission: 'projects.apply',
    summary: 'Make the server agree with these files, in one transaction',
    params,
    body: ProjectManifest,
    bodyLimitBytes: 16 * 1024 * 1024,
    response: ProjectPlan.extend({ applyNumber: z.int() }),
  },
  'projects.destroy': {
    method: 'DELETE',
    path: '/api/projects/{project}',
    permission: 'projects.apply',
    summary: 'Take everything that the project declares out of use; history stays readable',
    params,
    response: ProjectPlan.pick({ project: true, diffs: true }),
  },
});
