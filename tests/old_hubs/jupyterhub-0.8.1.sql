BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('3ec6993fe20c');
CREATE TABLE api_tokens (
	id INTEGER NOT NULL, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	user_id INTEGER, 
	service_id INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (hashed), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(service_id) REFERENCES services (id) ON DELETE CASCADE
);
INSERT INTO "api_tokens" VALUES(1,'sha512:16384:5a7f308eddaa1599:932de055bcb5a2054effb9484ca35eb0d1ae4069129b664e01fcb91b9c58cdd324b57aa30e36f9d8ba6813e68d2d0ccd51242fd468b663448d197b4ea538a1f7','0123',NULL,1);
INSERT INTO "api_tokens" VALUES(2,'sha512:1:661ee1eac4a5f33e:578683d4d5b391d285254e46b711690781b7a805138d8fab033a2bbba4f72797b3585aec387fde1f4b2946465ed73451bb022192e0e37df14165fa6a841744e6','7530',4,NULL);
INSERT INTO "api_tokens" VALUES(3,'sha512:1:859ed42b5d11ce7d:1b18fff4f0385880ac0d8c1c8cc9fd6841b29f78a75a4a3862a1312ff041f58ec95681f88c954d6a5e5a03887f30314fe412e630d5bd32f9316c851e7749775c','18a6',2,NULL);
INSERT INTO "api_tokens" VALUES(4,'sha512:1:0e1591504f7afc6e:636920ffee8605618f5ad2858ebf13475203663bce272876829203d8b71ca02b2917335c190da76570820d522a578aa59f7d3b90173cd12ec18a36afdac3c6ec','2bbb',1,NULL);
INSERT INTO "api_tokens" VALUES(5,'sha512:1:a34328857305b64d:a6142161cec16292d6e6dee2ef30fc85fbc3682ac7ca3fee272f732f1f1d97cd05a24802bc7376eec3bf197c9643e9d76022e6644618b92441416adef2314ee4','54e5',3,NULL);
INSERT INTO "api_tokens" VALUES(6,'sha512:1:676af670254e7f02:75ef233e19b9c3229ea3529923146f30ab2686eee44b9523c983f66748f3ab144b0711fa395720a6fcddad8ff0f19a4018db71af7d077717a2edb350b72a41cb','104d',3,NULL);
CREATE TABLE groups (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "groups" VALUES(1,'students');
INSERT INTO "groups" VALUES(2,'teachers');
CREATE TABLE oauth_access_tokens (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	grant_type VARCHAR(18) NOT NULL, 
	expires_at INTEGER, 
	refresh_token VARCHAR(255), 
	refresh_expires_at INTEGER, 
	user_id INTEGER, 
	hashed VARCHAR(255), 
	prefix VARCHAR(16), 
	PRIMARY KEY (id), 
	CONSTRAINT granttype CHECK (grant_type IN ('authorization_code', 'implicit', 'password', 'client_credentials', 'refresh_token')), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	UNIQUE (hashed)
);
CREATE TABLE oauth_clients (
	id INTEGER NOT NULL, 
	identifier VARCHAR(255), 
	secret VARCHAR(255), 
	redirect_uri VARCHAR(1023), 
	PRIMARY KEY (id), 
	UNIQUE (identifier)
);
INSERT INTO "oauth_clients" VALUES(1,'user-dave','sha512:16384:fcf898cc1b1e44d6:8709257759a98b48c79f5778d2690eff8ffae4f762405f82f26ae8c318e35365b4b1c65712fa6d246b4ffaea21ce88854180bb8b728c4b2204f9338c344ac9ac','/user/dave/oauth_callback');
INSERT INTO "oauth_clients" VALUES(2,'user-alice','sha512:16384:5bfbfc30a7ae85c2:c7304b8dc73a000f6ab0b72d19790dfed5a7af278f478fb27378b327fecc8717c1a6e56ec48b94f5ee8a72b0989156205431cda2560972ac8ac0cbda99196b86','/user/alice/oauth_callback');
INSERT INTO "oauth_clients" VALUES(3,'user-bob','sha512:16384:8635b6ee7ab50371:59babf8a5111cc73ea7f9cc90fd85ad106c224b8876cfc08bd7cc7188c63296cfb869883a9b778e18a9c64ddaf2ec10bbee3b7c51caa6f17ba98955cb9579923','/user/bob/oauth_callback');
INSERT INTO "oauth_clients" VALUES(4,'user-carol-gpu','sha512:16384:a3a7b5e8fcf7db94:3c9246f201733cf2625894f6963c972ad98cf46f3fa788af157a50fbd6a7e82e1cb0675b6864429164f26d444a7ce222a7cb47a3c35b91138c88cdcea7197240','/user/carol/gpu/oauth_callback');
INSERT INTO "oauth_clients" VALUES(5,'user-carol-Big_One','sha512:16384:42c4e759a8abccd7:de879ea0634ccf39b343b25f2b51afb32f9e319ab01505de1fcfa52ec27207cd94978f41a299998a8d19f0fa903a0e9855fb71471f7f4b8e8460913c630e930b','/user/carol/Big_One/oauth_callback');
CREATE TABLE oauth_codes (
	id INTEGER NOT NULL, 
	client_id VARCHAR(255), 
	code VARCHAR(36), 
	expires_at INTEGER, 
	redirect_uri VARCHAR(1023), 
	user_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	proto VARCHAR(15), 
	ip VARCHAR(255), 
	port INTEGER, 
	base_url VARCHAR(255), 
	cookie_name VARCHAR(255), 
	PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(1,'http','127.0.0.1',42839,'/user/dave/','cookie');
INSERT INTO "servers" VALUES(2,'http','127.0.0.1',42839,'/user/alice/','cookie');
INSERT INTO "servers" VALUES(3,'http','127.0.0.1',42839,'/user/bob/','cookie');
INSERT INTO "servers" VALUES(4,'http','127.0.0.1',42839,'/user/carol/gpu/','cookie');
INSERT INTO "servers" VALUES(5,'http','127.0.0.1',42839,'/user/carol/Big_One/','cookie');
CREATE TABLE services (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	_server_id INTEGER, 
	pid INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (name), 
	CHECK (admin IN (0, 1)), 
	FOREIGN KEY(_server_id) REFERENCES servers (id) ON DELETE SET NULL
);
INSERT INTO "services" VALUES(1,'maker',1,NULL,NULL);
CREATE TABLE spawners (
	id INTEGER NOT NULL, 
	user_id INTEGER, 
	server_id INTEGER, 
	state TEXT, 
	name VARCHAR(255), 
	last_activity DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE SET NULL
);
INSERT INTO "spawners" VALUES(1,1,3,'{"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000}','','2026-11-29 00:40:55.249864');
INSERT INTO "spawners" VALUES(2,2,2,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001}','','2026-11-29 00:40:55.210579');
INSERT INTO "spawners" VALUES(3,3,NULL,NULL,'','2026-11-29 00:40:54.860162');
INSERT INTO "spawners" VALUES(4,4,1,'{"userserver_id": "other"}','','2026-11-29 00:40:55.174652');
INSERT INTO "spawners" VALUES(5,5,NULL,NULL,'','2026-11-29 00:40:54.882740');
INSERT INTO "spawners" VALUES(6,6,NULL,NULL,'','2026-11-29 00:40:54.926451');
INSERT INTO "spawners" VALUES(7,3,4,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03", "userserver_port": 8003}','gpu','2026-11-29 00:40:55.295122');
INSERT INTO "spawners" VALUES(8,3,5,'{"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04", "userserver_port": 8004}','Big_One','2026-11-29 00:40:55.340776');
CREATE TABLE user_group_map (
	user_id INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	PRIMARY KEY (user_id, group_id), 
	FOREIGN KEY(user_id) REFERENCES users (id), 
	FOREIGN KEY(group_id) REFERENCES groups (id)
);
INSERT INTO "user_group_map" VALUES(2,1);
INSERT INTO "user_group_map" VALUES(3,1);
INSERT INTO "user_group_map" VALUES(1,2);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(255), 
	admin BOOLEAN, 
	last_activity DATETIME, 
	cookie_id VARCHAR(255) NOT NULL, 
	state TEXT, 
	encrypted_auth_state BLOB, 
	PRIMARY KEY (id), 
	UNIQUE (name), 
	CHECK (admin IN (0, 1)), 
	UNIQUE (cookie_id)
);
INSERT INTO "users" VALUES(1,'bob',1,'2026-11-29 00:40:55.249864','ddf4a5c71395436cb3ddf4eaf96577e0','{}',NULL);
INSERT INTO "users" VALUES(2,'alice',0,'2026-11-29 00:40:55.210579','c2d2abcd900a4645aa439f124473baed','{}',NULL);
INSERT INTO "users" VALUES(3,'carol',0,'2026-11-29 00:40:55.340776','13d107b04fe94867b0a1336ae5d4d079','{}',NULL);
INSERT INTO "users" VALUES(4,'dave',0,'2026-11-29 00:40:55.174652','cffa7a2edce245aa8ff2f09c3c41213d','{}',X'67414141414142724333535876583472414645446A725A5752794A5344574143594B5A336966344D67585A656C6D62494F3947386D676A41503633694835717631765444385A6D714D2D6A4970686D566C53336345757971505F4E74557573496443684F316C715464795462497A6A5256506B415239343D');
INSERT INTO "users" VALUES(5,'o''hara',0,'2026-11-29 00:40:54.838848','5a576684c723427682a21e359148902f',NULL,NULL);
INSERT INTO "users" VALUES(6,'erin',1,'2026-11-29 00:40:54.912052','57c67a5e9b564a46936a7571b03093a8',NULL,NULL);
CREATE INDEX ix_oauth_access_tokens_prefix ON oauth_access_tokens (prefix);
CREATE INDEX ix_api_tokens_prefix ON api_tokens (prefix);
COMMIT;
