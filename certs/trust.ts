import { X509Certificate } from 'node:crypto'

/** The certificate's DER, as Windows and browsers like to download it. Throws on a text without a certificate. */
export const toDer = (pem: string): Buffer => new X509Certificate(pem).raw

/** SHA-256 of the certificate, hex with colons: what people compare before they trust it. */
export const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256

/** When the certificate ends. */
export const validUntil = (pem: string): Date => new X509Certificate(pem).validToDate

export type TrustSystem =
  | 'Windows' | 'macOS' | 'Debian/Ubuntu' | 'Fedora/RHEL' | 'Firefox' | 'Java' | 'Node.js' | 'Python/curl/rclone'

export interface TrustSteps {
  readonly system: TrustSystem
  readonly steps: readonly TrustStep[]
}

/** A sentence, or a command as it is typed. */
export interface TrustStep {
  readonly is: 'sentence' | 'command'
  readonly text: string
}

const say = (text: string): TrustStep => ({ is: 'sentence', text })
const run = (text: string): TrustStep => ({ is: 'command', text })

/**
 * How to trust the authority, for each system. `origin`: where the proxy answers, as in `http://proxy.example:3128`.
 * The download is not protected, so every way begins with comparing the fingerprint.
 */
export function trustSteps(origin: string): TrustSteps[] {
  const download = `curl -o sluice-ca.crt ${origin}/sluice-ca.crt`
  const compare = 'openssl x509 -in sluice-ca.crt -noout -fingerprint -sha256'
  const fetched = [run(download), run(compare), say('Compare the fingerprint with the one that your administrator gave you.')]
  return [
    {
      system: 'Windows',
      steps: [
        run(`curl.exe -o sluice-ca.der ${origin}/sluice-ca.der`),
        run('powershell -c "(Get-FileHash sluice-ca.der -Algorithm SHA256).Hash"'),
        say('Compare the hash with the fingerprint that your administrator gave you.'),
        run('certutil -addstore -f Root sluice-ca.der'),
        say('For a whole domain: Group Policy, Computer Configuration, Windows Settings, Security Settings, ' +
          'Public Key Policies, Trusted Root Certification Authorities, Import.'),
      ],
    },
    {
      system: 'macOS',
      steps: [
        ...fetched,
        run('sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain sluice-ca.crt'),
      ],
    },
    {
      system: 'Debian/Ubuntu',
      steps: [...fetched, run('sudo cp sluice-ca.crt /usr/local/share/ca-certificates/'), run('sudo update-ca-certificates')],
    },
    {
      system: 'Fedora/RHEL',
      steps: [...fetched, run('sudo cp sluice-ca.crt /etc/pki/ca-trust/source/anchors/'), run('sudo update-ca-trust')],
    },
    {
      system: 'Firefox',
      steps: [
        say('On Windows and macOS, Firefox takes over what the system trusts.'),
        say(`Elsewhere, open ${origin}/sluice-ca.crt in Firefox, press View and compare the fingerprint with the one ` +
          'that your administrator gave you.'),
        say('Tick "Trust this CA to identify websites" and press OK.'),
        say('For many machines: the enterprise policy Certificates, Install.'),
      ],
    },
    {
      system: 'Java',
      steps: [
        ...fetched,
        run('keytool -importcert -noprompt -cacerts -storepass changeit -alias sluice -file sluice-ca.crt'),
      ],
    },
    {
      system: 'Node.js',
      steps: [...fetched, run('export NODE_EXTRA_CA_CERTS="$PWD/sluice-ca.crt"')],
    },
    {
      system: 'Python/curl/rclone',
      steps: [
        say('curl and rclone read the system store on Linux: trust the certificate there first.'),
        say('Programs that bring their own list of authorities are given the system\'s, which then holds this one (on ' +
          'Fedora and RHEL: /etc/pki/tls/certs/ca-bundle.crt):'),
        run('export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt'),
        run('export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'),
        run('export CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt'),
        run('rclone --ca-cert /etc/ssl/certs/ca-certificates.crt lsd remote:'),
      ],
    },
  ]
}
