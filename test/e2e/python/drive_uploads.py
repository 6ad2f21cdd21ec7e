"""Uploads with Google's own Python package: argv: local file, mode. Proxy and CA come from the environment, and so does the
token (ACCESS_TOKEN), or what the package gets one for (REFRESH_TOKEN)."""
import io
import os
import sys

import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload, MediaIoBaseDownload

path, mode = sys.argv[1:3]

# What of Drive's discovery document the calls below need; the package makes its requests from it.
MEDIA = {
    'accept': ['*/*'], 'maxSize': '5120GB',
    'protocols': {
        'simple': {'multipart': True, 'path': '/upload/drive/v3/files'},
        'resumable': {'multipart': True, 'path': '/resumable/upload/drive/v3/files'},
    },
}
DOCUMENT = {
    'kind': 'discovery#restDescription', 'name': 'drive', 'version': 'v3', 'rootUrl': 'https://www.googleapis.com/',
    'servicePath': 'drive/v3/', 'batchPath': 'batch/drive/v3', 'baseUrl': 'https://www.googleapis.com/drive/v3/',
    'schemas': {'File': {'id': 'File', 'type': 'object', 'properties': {'name': {'type': 'string'}}}},
    'resources': {'files': {'methods': {
        'create': {
            'id': 'drive.files.create', 'httpMethod': 'POST', 'path': 'files', 'request': {'$ref': 'File'}, 'response': {'$ref': 'File'},
            'supportsMediaUpload': True, 'mediaUpload': MEDIA, 'parameters': {},
        },
        'get': {
            'id': 'drive.files.get', 'httpMethod': 'GET', 'path': 'files/{fileId}', 'response': {'$ref': 'File'}, 'supportsMediaDownload': True,
            'parameterOrder': ['fileId'], 'parameters': {'fileId': {'type': 'string', 'location': 'path', 'required': True}},
        },
    }}},
}

plain = httplib2.Http(ca_certs=os.environ['REQUESTS_CA_BUNDLE'], timeout=30)
# Google answers a part with 308, which is no redirect; later versions of the package set this themselves.
plain.redirect_codes = plain.redirect_codes - {308}
refresh = os.environ.get('REFRESH_TOKEN')
credentials = Credentials(os.environ.get('ACCESS_TOKEN', 'FAKE-TOKEN')) if refresh is None else Credentials(
    None, refresh_token=refresh, token_uri='https://oauth2.googleapis.com/token', client_id='fake', client_secret='FAKE')
http = google_auth_httplib2.AuthorizedHttp(credentials, http=plain)
files = build_from_document(DOCUMENT, http=http).files()

try:
    if mode == 'multipart':
        files.create(body={'name': 'multipart snö.bin'}, media_body=MediaFileUpload(path, mimetype='application/x-test')).execute()
    else:
        media = MediaFileUpload(path, mimetype='application/x-test', chunksize=4 * 1024 * 1024, resumable=True)
        request = files.create(body={'name': 'resumable.bin'}, media_body=media)
        made = None
        while made is None:
            _, made = request.next_chunk()
        received = io.BytesIO()
        download = MediaIoBaseDownload(received, files.get_media(fileId=made['id']))
        done = False
        while not done:
            _, done = download.next_chunk()
        with open(path, 'rb') as file:
            if received.getvalue() != file.read():
                sys.exit('the download is not what was uploaded')
except HttpError as error:
    print(error.content.decode(), file=sys.stderr)
    os._exit(1)
