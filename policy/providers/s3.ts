import type { Account, Activity, Provider } from '../operation.ts'
import { HOSTS, remember } from '../memo.ts'
import { listed } from './endpoints.ts'
import { objectRows, readObjectRequest, refineForm } from './object-store.ts'
import type { Dialect } from './object-store.ts'
import type { HostPattern, ProviderModule, RequestHead } from './provider.ts'
import { explain, plainReading } from './reading.ts'
import { strictest } from './spelling.ts'

/** What the certificate authority must be able to sign for. */
const domains: readonly string[] = [
  'amazonaws.com',    // buckets of all regions, in host or path
  'amazonaws.com.cn', // China
]

/**
 * A bucket stands before the service's name or in the path. The service is `s3`, `s3-{region}` (older regions),
 * `s3-accelerate`, `s3-accesspoint`, `s3express-{zone}`, with `dualstack` and a region behind it.
 */
const hosts: readonly HostPattern[] = ['amazonaws.com', 'amazonaws.com.cn'].flatMap(domain => [
  `s3.${domain}`, `*.s3.${domain}`,
  `s3.*.${domain}`, `*.s3.*.${domain}`,
  `s3.dualstack.*.${domain}`, `*.s3.dualstack.*.${domain}`,
  `s3-*.${domain}`, `*.s3-*.${domain}`,
  `s3-*.*.${domain}`, `*.s3-*.*.${domain}`,
  `s3-*.dualstack.*.${domain}`, `*.s3-*.dualstack.*.${domain}`,
  `*.s3express-*.*.${domain}`,
]).map(pattern => ({ pattern, role: 'storage' }))

const SERVICE =
  /^(.+)\.s3(?:-[a-z0-9-]{1,40}|express-[a-z0-9-]{1,40})?(?:\.dualstack)?(?:\.[a-z0-9-]{1,40})?\.amazonaws\.com(?:\.cn)?$/

/** `{account}.s3-control.{region}`: settings of the account, and no objects. */
const CONTROL = /^\d{12}\.s3-control(?:-fips)?\.(?:dualstack\.)?[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?$/
const isControl = remember(host => CONTROL.test(host), HOSTS)

/** No bucket can be called so: its name would stand before `s3`. */
function controlActivity(method: string, path: string): Activity {
  if (/\/(?:policy|publicAccessBlock)$/i.test(path) && (method === 'PUT' || method === 'DELETE')) return 'share'
  if (method === 'GET' || method === 'HEAD') return 'list'
  return method === 'DELETE' ? 'delete' : method === 'OPTIONS' ? 'other' : 'change'
}

/** Empty where the path names it. */
const bucketBefore = remember(host => SERVICE.exec(host)?.[1] ?? '', HOSTS)

function bucketOf(host: string): string | undefined {
  const bucket = bucketBefore(host)
  return bucket === '' ? undefined : bucket
}

const endpoints = objectRows('rclone, recorded', 'Amazon S3 API reference')

/** Another service of the same interface (`like: s3`): of a pattern `*.{host}`, what the star stands for is the bucket. */
export function s3Like(
  parts: { readonly id: Provider; readonly account: Account; readonly hosts: readonly HostPattern[]; readonly domains: readonly string[] },
): ProviderModule {
  const hostLabels = parts.hosts.map(({ pattern }) => pattern).filter(pattern => pattern.startsWith('*.'))
    .map(pattern => ({ names: pattern.slice(2).split('.').length, matches: patternOf(pattern.slice(2)) }))
  return make(parts, host => {
    const labels = host.split('.')
    const found = hostLabels.find(({ names, matches }) => labels.length > names && matches.test(labels.slice(-names).join('.')))
    return found === undefined ? undefined : labels.slice(0, -found.names).join('.')
  })
}

function patternOf(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]{0,63}')}$`)
}

function make(
  parts: { readonly id: Provider; readonly account: Account; readonly hosts: readonly HostPattern[]; readonly domains: readonly string[] },
  bucket: (host: string) => string | undefined,
): ProviderModule {
  const dialect: Dialect = {
    provider: parts.id, copySource: 'x-amz-copy-source', decodedLength: 'x-amz-decoded-content-length', bucketOf: bucket, endpoints,
  }
  const read = (head: RequestHead, path: string) => isControl(head.host)
    ? explain(head, plainReading(head, parts.id, controlActivity(head.method, path))) : readObjectRequest(dialect, head, path)
  return {
    ...parts,
    errorForm: 'aws',
    providers: [parts.id],
    endpoints: listed(endpoints),
    providerOf: () => parts.id,
    keepsCodings: true,
    recognise: head => strictest(head, read),
    refine: (head, _first, body) => strictest(head, (one, path) => {
      const first = read(one, path)
      return first.peek === 0 ? first : refineForm(one, first, body)
    }),
  }
}

/** Amazon S3. The bucket is the place written to; a presigned address needs no credential beside it. */
export const s3 = make({ id: 's3', account: 'aws', hosts, domains }, bucketOf)
