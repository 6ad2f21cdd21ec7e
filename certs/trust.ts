import { X509Certificate } from 'node:crypto'

/** The certificate's DER, as Windows and browsers like to download it. Throws on a text without a certificate. */
export const toDer = (pem: string): Buffer => new X509Certificate(pem).raw

/** SHA-256 of the certificate, hex with colons: what people compare before they trust it. */
export const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256

export type TrustSystem =
  | 'Windows' | 'macOS' | 'Debian/Ubuntu' | 'Fedora/RHEL' | 'Firefox' | 'Java' | 'Node.js' | 'Python/curl/rclone'

export interface TrustSteps {
  readonly system: TrustSystem
  /** In order; commands stand alone on their line, as they are typed. */
  readonly steps: readonly string[]
}

/**
 * How to trust the authority, for each system. `origin`: where the proxy answers, as in `http://proxy.example:3128`.
 * The download is not protected, so every way begins with comparing the fingerprint.
 */
export function trustSteps(origin: string): TrustSteps[] {
  const download = `curl -o sluice-ca.crt ${origin}/sluice-ca.crt`
  const compare = 'openssl x509 -in sluice-ca.crt -noout -fingerprint -sha256'
  const fetched = [download, compare, 'Compare the fingerprint with the one that your administrator gave you.']
  return [
    {
      system: 'Windows',
      steps: [
        `curl.exe -o sluice-ca.der ${origin}/sluice-ca.der`,
        'powershell -c "(Get-FileHash sluice-ca.der -Algorithm SHA256).Hash"',
        'Compare the hash with the fingerprint that your administrator gave you.',
        'certutil -addstore -f Root sluice-ca.der',
        'For a whole domain: Group Policy, Computer Configuration, Windows Settings, Security Settings, ' +
          'Public Key Policies, Trusted Root Certification Authorities, Import.',
      ],
    },
    {
      system: 'macOS',
      steps: [
        ...fetched,
        'sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain sluice-ca.crt',
      ],
    },
    {
      system: 'Debian/Ubuntu',
      steps: [...fetched, 'sudo cp sluice-ca.crt /usr/local/share/ca-certificates/', 'sudo update-ca-certificates'],
    },
    {
      system: 'Fedora/RHEL',
      steps: [...fetched, 'sudo cp sluice-ca.crt /etc/pki/ca-trust/source/anchors/', 'sudo update-ca-trust'],
    },
    {
      system: 'Firefox',
      steps: [
        'On Windows and macOS, Firefox takes over what the system trusts.',
        `Elsewhere, open ${origin}/sluice-ca.crt in Firefox, press View and compare the fingerprint with the one ` +
          'that your administrator gave you.',
        'Tick "Trust this CA to identify websites" and press OK.',
        'For many machines: the enterprise policy Certificates, Install.',
      ],
    },
    {
      system: 'Java',
      steps: [
        ...fetched,
        'keytool -importcert -noprompt -cacerts -storepass changeit -alias sluice -file sluice-ca.crt',
      ],
    },
    {
      system: 'Node.js',
      steps: [...fetched, 'export NODE_EXTRA_CA_CERTS="$PWD/sluice-ca.crt"'],
    },
    {
      system: 'Python/curl/rclone',
      steps: [
        'curl and rclone read the system store on Linux: trust the certificate there first.',
        'Programs that bring their own list get the system one, which then holds the authority (on Fedora and RHEL: ' +
          '/etc/pki/tls/certs/ca-bundle.crt):',
        'export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt',
        'export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt',
        'export CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt',
        'rclone --ca-cert /etc/ssl/certs/ca-certificates.crt lsd remote:',
      ],
    },
  ]
}
