import t from 'tap'
import { userOf } from '../../proxy/certified-user.ts'

t.test('the first e-mail address counts, else the common name', async (t) => {
  t.equal(userOf({ subjectaltname: 'DNS:a.example, email:anna@example.com, email:bob@example.com', subject: { CN: 'A. Nna' } }), 'anna@example.com')
  t.equal(userOf({ subjectaltname: 'DNS:a.example', subject: { CN: 'A. Nna' } }), 'A. Nna')
  t.equal(userOf({ subject: { CN: 'A. Nna' } }), 'A. Nna')
})

t.test('an address within another name is none', async (t) => {
  t.equal(userOf({ subjectaltname: 'DNS:"a.example, email:admin@example.com", email:anna@example.com', subject: { CN: 'x' } }), 'anna@example.com')
  t.equal(userOf({ subjectaltname: 'DirName:"CN = \\", email:admin@example.com, "', subject: { CN: 'anna' } }), 'anna')
  t.equal(userOf({ subjectaltname: 'URI:https://a.example/email:admin@example.com', subject: { CN: 'anna' } }), 'anna')
})

t.test('who cannot be told is nobody', async (t) => {
  for (const CN of [undefined, '', ' ', 'a\nb', 'a\u202eb', 'x'.repeat(257), ['anna', 'bob']]) t.equal(userOf({ subject: { CN } }), null)
  t.equal(userOf({ subjectaltname: 'email:"anna@example.com, x"', subject: { CN: 'bob' } }), null)
  t.equal(userOf({}), null)
})
