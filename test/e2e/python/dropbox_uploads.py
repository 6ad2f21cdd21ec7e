"""Uploads with Dropbox's own Python package: argv: local file, folder to write to, mode. Proxy and CA come from the environment,
and so does the token (ACCESS_TOKEN), or what the package gets one for (REFRESH_TOKEN)."""
import os
import sys

import dropbox
from dropbox.files import CommitInfo, UploadSessionCursor, UploadSessionFinishArg

path, folder, mode = sys.argv[1:4]
PART = 4 * 1024 * 1024

with open(path, 'rb') as file:
    content = file.read()


def simple(client):
    client.files_upload(content, folder + '/simple snö.bin')


def session(client):
    started = client.files_upload_session_start(content[:PART])
    cursor = UploadSessionCursor(session_id=started.session_id, offset=PART)
    while len(content) - cursor.offset > PART:
        client.files_upload_session_append_v2(content[cursor.offset:cursor.offset + PART], cursor)
        cursor.offset += PART
    client.files_upload_session_finish(content[cursor.offset:], cursor, CommitInfo(path=folder + '/session.bin'))


def batch(client):
    started = client.files_upload_session_start(content, close=True)
    cursor = UploadSessionCursor(session_id=started.session_id, offset=len(content))
    client.files_upload_session_finish_batch([UploadSessionFinishArg(cursor, CommitInfo(path=folder + '/batch.bin'))])


def download(client):
    _, response = client.files_download(folder + '/session.bin')
    if response.content != content:
        sys.exit('the download is not what was uploaded')


refresh = os.environ.get('REFRESH_TOKEN')
token = {'oauth2_access_token': os.environ.get('ACCESS_TOKEN', 'FAKE-TOKEN')} if refresh is None else {
    'oauth2_refresh_token': refresh, 'app_key': 'fake', 'app_secret': 'FAKE'}

with dropbox.Dropbox(**token, max_retries_on_error=0, timeout=30) as client:
    try:
        {'simple': simple, 'session': session, 'batch': batch, 'download': download}[mode](client)
    except dropbox.exceptions.DropboxException as error:
        print(error, getattr(error, 'user_message_text', None), file=sys.stderr)
        os._exit(1)
